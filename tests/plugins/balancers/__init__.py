"""
Tests of the balancers.
"""

from __future__ import annotations
