"""
Tests of the codecs.
"""

from __future__ import annotations
