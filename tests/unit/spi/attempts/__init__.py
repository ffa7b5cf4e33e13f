"""
The seams' own code, file by file.
"""

from __future__ import annotations
