"""
Tests of the attempt strategies.
"""

from __future__ import annotations
