"""
What to say of an error that code of the user's has raised.
"""

from __future__ import annotations

import traceback

__all__ = ["described"]


def described(error: BaseException, ours: str) -> str:
    """
    Return what was raised, and where, unless that was in a file of ours or in imports.

    Args:
        ours: the file that called what raised.
    """
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or frames[-1].filename == ours or "importlib" in frames[-1].filename:
        return text
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})"
