"""
Exit codes, the same for every command.
"""

from __future__ import annotations

__all__ = ["CONFIGURATION", "FAILED", "FINE", "GIVEN_UP", "INTERRUPTED"]

#: What was asked was done; it failed; it could not be begun, because a person has to
#: mend an argument or the configuration.
FINE, FAILED, CONFIGURATION = 0, 1, 2

#: A server stopped, but cancelled calls that had not ended in time.
GIVEN_UP = 3

#: Ctrl-C, as shells have it: 128 and the number of the signal.
INTERRUPTED = 130
