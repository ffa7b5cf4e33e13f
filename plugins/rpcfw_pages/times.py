"""
Times as people read them.
"""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["date_text"]


def date_text(seconds: float) -> str:
    """
    Return seconds since 1970 as RFC 3339 has them, in UTC.
    """
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
