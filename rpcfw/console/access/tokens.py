"""
Tokens that nobody can guess.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode

__all__ = ["new_token"]

_BYTES = 32


def new_token() -> str:
    """
    Return a random text that is safe in a cookie and in a form.
    """
    return urlsafe_b64encode(os.urandom(_BYTES)).decode().rstrip("=")
