"""
Tests of the retry policies.
"""

from __future__ import annotations
