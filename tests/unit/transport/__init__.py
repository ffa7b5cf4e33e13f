"""
Carrying bytes between machines and calls.
"""

from __future__ import annotations
