"""
Callers that lie: credentials that make something wrong out of right signatures.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.spi.credentials import Credentials
from rpcfw.values.metadata import Metadata
from rpcfw_auth.keys import Key
from rpcfw_auth.signature import HEADER, sign

__all__ = ["ATTACKS", "Forger"]

KEY = Key("old", "shop", b"o" * 32)
_CHARS = "0123456789abcdefghijklmnopqrstuvwxyz ._-\x7f"


class Forger(Credentials):
    """
    Sends what `attack` makes of a call, and the name of a key whose secret it knows or not.

    Class attributes are the state: the lab makes the instances.
    """

    attack = None
    random = None
    #: As the call has it.
    path = ""
    #: What was sent last.
    sent = ()

    def metadata(self, call, body, *, path, encrypted):
        Forger.path = path
        values = Forger.attack(self, call, body)
        Forger.sent = tuple(values)
        return Metadata((*call.metadata.pairs, *((HEADER, value) for value in values)))

    def signed(self, call, body, *, key=KEY, late_s=0.0, **changes):
        time_ms = int((self.plugin_context.time_of_day() - late_s) * 1000)
        nonce = f"{Forger.random.getrandbits(120):030x}"
        path = evolve(call.method, **changes).path if changes else Forger.path
        return sign(key, time_ms, nonce, path, body)


def honest(forger, call, body):
    return [forger.signed(call, body)]


def nothing(forger, call, body):
    return []


def another_secret(forger, call, body):
    return [forger.signed(call, body, key=Key("old", "shop", Forger.random.randbytes(32)))]


def unknown_key(forger, call, body):
    return [forger.signed(call, body, key=Key("newer", "shop", b"o" * 32))]


def another_owner(forger, call, body):
    return [forger.signed(call, body, key=Key("report", "report", b"r" * 32))]


def changed_character(forger, call, body):
    value = forger.signed(call, body)
    at = Forger.random.randrange(len(value))
    other = Forger.random.choice([char for char in _CHARS[:-1] if char != value[at]])
    return [value[:at] + other + value[at + 1 :]]


def cut(forger, call, body):
    value = forger.signed(call, body)
    return [value[: Forger.random.randrange(len(value))]]


def two(forger, call, body):
    return [forger.signed(call, body), forger.signed(call, body)]


def too_old(forger, call, body):
    return [forger.signed(call, body, late_s=30 + 10 ** Forger.random.uniform(-1, 7))]


def too_new(forger, call, body):
    return [forger.signed(call, body, late_s=-30 - 10 ** Forger.random.uniform(-1, 7))]


def another_method(forger, call, body):
    return [forger.signed(call, body, name=Forger.random.choice(["say", "who", "write "]))]


def another_service(forger, call, body):
    return [forger.signed(call, body, service="demo.Greete")]


def another_message(forger, call, body):
    return [forger.signed(call, body + Forger.random.randbytes(1))]


def another_overload(forger, call, body):
    # Both take a name, so the body of one is good for the other.
    return [forger.signed(call, body, name="write")]


def no_message(forger, call, body):
    return [forger.signed(call, b"")]


def as_a_stream(forger, call, body):
    return [forger.signed(call, None)]


def replayed(forger, call, body):
    return list(Forger.sent)


#: All but those that are sent again.
ATTACKS = [
    nothing,
    another_secret,
    unknown_key,
    another_owner,
    changed_character,
    cut,
    two,
    too_old,
    too_new,
    another_method,
    another_service,
    another_message,
    no_message,
    as_a_stream,
]
