"""
What a registry server and its clients say to one another.

They are sent as JSON. A record is in a message as it was announced, byte for
byte: the node reads it once, when it is announced, and never encodes it again.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "MAX_COUNTER",
    "MAX_NAME_LENGTH",
    "MAX_PER_MESSAGE",
    "MAX_RECORD_BYTES",
    "Counter",
    "Granted",
    "Key",
    "Keys",
    "Name",
    "Records",
    "RecordsOfRules",
    "Refusal",
    "Renewed",
]

#: The most records, or keys, in one message; see `MAX_RECORD_BYTES` for their bytes.
MAX_PER_MESSAGE = 500
#: A larger record is refused.
MAX_RECORD_BYTES = 16 << 10

#: The longest name of a service, id of an instance, or name of an owner.
MAX_NAME_LENGTH = 256

#: Of versions: far more than any group can count, and still an integer of 64 bits when added to.
MAX_COUNTER = 1 << 53

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
#: Service and id.
Key = tuple[Name, Name]
Counter = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNTER)]
Keys = Annotated[list[Key], msgspec.Meta(max_length=MAX_PER_MESSAGE)]
Records = Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_PER_MESSAGE)]


class Refusal(msgspec.Struct):
    """
    A record that was not taken.

    Args:
        index: its place in the request.
        reason: why.
        final: announcing the same again will be refused again.
    """

    index: int
    reason: str
    final: bool


class Granted(msgspec.Struct, omit_defaults=True):
    """
    The answer to an announcement.

    Args:
        lease_s: how long the records stay without being renewed; perhaps not what
            was asked for.
        refused: what was not taken; all else was.
        version: to be sent along with what is announced later, here or elsewhere, so that the
            servers of a group know what is newer.
    """

    lease_s: float
    refused: list[Refusal] = []
    version: int = 0


class Renewed(msgspec.Struct, omit_defaults=True):
    """
    The answer to a renewal.

    Args:
        lease_s: as in `Granted`.
        missing: what the node does not have, and its provider should announce again.
        version: as in `Granted`. A renewal, too, may have made the node announce it anew.
    """

    lease_s: float
    missing: list[Key] = []
    version: int = 0


class RecordsOfRules(msgspec.Struct, omit_defaults=True):
    """
    What is stored of the rules of one scope.

    Args:
        documents: None: nothing is stored.
        stamp: to be sent back by who replaces it.
    """

    documents: bytes | None = None
    history: bytes = b""
    stamp: str = ""
