"""
Tests of the registries.
"""

from __future__ import annotations
