"""
The header fields that are Triple's own. No application reads them, or sends them as metadata.
"""

from __future__ import annotations

from typing import Final

from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["EXCEPTION_CODE", "PREFIX", "without_fields"]

#: What all of their names begin with.
PREFIX: Final = "tri-"
#: Of a response that is an exception: why, as a number.
EXCEPTION_CODE: Final = "tri-exception-code"


def without_fields(metadata: Metadata) -> Metadata:
    """
    Return what belongs to the application.
    """
    if not any(name.startswith(PREFIX) for name, _ in metadata.pairs):
        return metadata
    rest = tuple(pair for pair in metadata.pairs if not pair[0].startswith(PREFIX))
    return Metadata(rest) if rest else EMPTY
