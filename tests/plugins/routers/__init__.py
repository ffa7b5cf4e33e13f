"""
Tests of the routers.
"""

from __future__ import annotations
