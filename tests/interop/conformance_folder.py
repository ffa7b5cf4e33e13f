"""
Where the conformance suite's proto files are: told by the environment.
"""

from __future__ import annotations

__all__ = ["FOLDER"]

#: The variable that names the folder.
FOLDER = "CONFORMANCE_PROTO"
