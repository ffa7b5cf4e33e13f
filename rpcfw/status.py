"""
Status codes and hints: the outcome of a call, the same for every protocol.

The numbers are gRPC's (statuscodes.md of the gRPC project), so that a status
crosses from one wire to another unchanged.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = ["Hint", "Status"]


class Status(IntEnum):
    """
    What happened to a call. What may be done about it, say the `Hint`s.
    """

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    def __str__(self) -> str:
        # What a person prints, an enum of numbers would show as one from Python 3.11 on.
        return self.name

    def __format__(self, spec: str) -> str:
        return format(str(self) if not spec or spec[-1] == "s" else int(self), spec)

    @classmethod
    def from_wire(cls, number: int) -> Status:
        """
        Return the status with this number; a number nobody knows is UNKNOWN.
        """
        return _BY_NUMBER.get(number, cls.UNKNOWN)


_BY_NUMBER = {int(status): status for status in Status}


class Hint(IntFlag):
    """
    What may be done after a failure. Retry and failover read these, never text.
    """

    NONE = 0
    #: No byte of the call left this process. Ends here: never put on a wire.
    NEVER_SENT = 1
    #: The peer promises that no line of the method ran.
    NOT_BEGUN = 2
    #: The peer says that repeating the call does no harm.
    SAFE_TO_REPEAT = 4
    #: The peer asks not to be called again with this.
    FINAL = 8

    def __str__(self) -> str:
        return "|".join(each.name or "" for each in Hint if each and each in self) or "NONE"

    def __format__(self, spec: str) -> str:
        return format(str(self) if not spec or spec[-1] == "s" else int(self), spec)


#: The hints that may cross a hop: the promises of the peer itself.
WIRE_HINTS = Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT | Hint.FINAL
