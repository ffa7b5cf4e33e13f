"""
Tests of the compressors.
"""

from __future__ import annotations
