"""
The native protocol, byte by byte.
"""

from __future__ import annotations
