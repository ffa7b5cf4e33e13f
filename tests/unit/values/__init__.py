"""
Plain values, file by file.
"""

from __future__ import annotations
