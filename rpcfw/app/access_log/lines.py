"""
The lines of the access log: ``name=value`` pairs, or JSON objects.

Everything that a peer says is escaped and cut, so that one call is one line. A line is made of
parts, one for each field that is not empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import lru_cache, partial
from math import isinf

import msgspec

from rpcfw.printable import printable, printable_json
from rpcfw.spi.runtime.recent_calls import MAX_TEXT
from rpcfw.status import Status
from rpcfw.values.logged_call import (
    ATTEMPTS,
    CALLER,
    ENDED_AT,
    HINTS,
    IDENTITY,
    LIMIT_S,
    MESSAGE,
    METHOD,
    PEER,
    PHASES,
    SIDE,
    SLOW,
    STATUS,
    TOOK_S,
    TRACE,
    LoggedCall,
)

__all__ = ["FIELDS", "JSONLines", "Lines", "TextLines"]

#: A field of a call as a part of its line; empty to leave it out.
Part = Callable[[LoggedCall], str]

#: So many different texts of a field are remembered.
_REMEMBERED = 1024

#: Fields with a text: where it comes from.
_TEXTS: dict[str, Callable[[LoggedCall], str]] = {
    "side": lambda call: call[SIDE],
    "status": lambda call: call[STATUS].name,
    "service": lambda call: call[METHOD].service,
    "method": lambda call: call[METHOD].name,
    "peer": lambda call: call[PEER],
    "caller": lambda call: call[CALLER],
    "identity": lambda call: ", ".join(call[IDENTITY]),
    "message": lambda call: call[MESSAGE],
    "hints": lambda call: str(call[HINTS]) if call[HINTS] else "",
    "trace_id": lambda call: "" if call[TRACE] is None else call[TRACE].trace_id,
    "span_id": lambda call: "" if call[TRACE] is None else call[TRACE].span_id,
}
#: Fields with a number of things; 0 is left out.
_NUMBERS: dict[str, Callable[[LoggedCall], int]] = {
    "attempts": lambda call: call[ATTEMPTS],
    "request_bytes": lambda call: _sizes(call)[0],
    "response_bytes": lambda call: _sizes(call)[1],
    "request_messages": lambda call: _counts(call)[0],
    "response_messages": lambda call: _counts(call)[1],
    "call": lambda call: call[PHASES].number,
}
#: Fields with a time.
_TIMES: dict[str, int] = {"took_ms": TOOK_S, "limit_ms": LIMIT_S}

FIELDS = ("time", "slow", "phases_ms", *_TIMES, *_NUMBERS, *_TEXTS)


def _sizes(call: LoggedCall) -> tuple[int, int]:
    """
    Return the sizes of request and response.
    """
    phases = call[PHASES]
    sizes: tuple[int, int] = phases.sent_bytes, phases.received_bytes
    return sizes if call[SIDE] == "client" else sizes[::-1]


def _counts(call: LoggedCall) -> tuple[int, int]:
    """
    Return how many messages there were each way, of a stream.
    """
    messages = call[PHASES].messages
    if messages is None:
        return 0, 0
    counts: tuple[int, int] = messages.sent, messages.received
    return counts if call[SIDE] == "client" else counts[::-1]


class Lines(ABC):
    """
    Makes lines, in a form that a subclass knows.

    Args:
        fields: what a line has, in this order.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        #: Added to a time of the process's clock it gives the time of day.
        self.offset_s = 0.0
        self._second, self._date = -1, ""
        self._parts = {name: self._part(name) for name in fields}

    def line(self, call: LoggedCall) -> str:
        """
        Return the line of a call, with its end.
        """
        return self.joined(self.parts(call).values())

    def parts(self, call: LoggedCall) -> dict[str, str]:
        """
        Return the fields that are not empty, each as it stands in the line.
        """
        return {name: part for name, each in self._parts.items() if (part := each(call))}

    def dropped(self, now: float, count: int) -> str:
        """
        Return the line that says how many lines are missing here.
        """
        return self.joined([self._time((now,)), self.pair("dropped", str(count))])

    @abstractmethod
    def joined(self, parts: Iterable[str]) -> str:
        """
        Return the line that has these parts.
        """

    @abstractmethod
    def pair(self, name: str, value: str) -> str:
        """
        Return a part: the name of a field, and its value as it is written.
        """

    def value(self, text: str) -> str:
        """
        Return a text as the value of a field: cut, escaped, and in quotation marks if it must be.
        """
        return self._text(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}...")

    def quoted(self, plain: str) -> str:
        """
        Return a value that needs no escapes.
        """
        return plain

    @abstractmethod
    def _text(self, value: str) -> str:
        """
        Return a text that is not too long as the value of a field.
        """

    @abstractmethod
    def _phases(self, phases: Sequence[tuple[str, float]]) -> str:
        """
        Return phases, name and seconds each, as the value of a field.
        """

    def _part(self, name: str) -> Part:
        if name == "time":
            return self._time
        if name == "slow":
            pair = self.pair("slow", "true")
            return lambda call: pair if call[SLOW] else ""
        if name == "phases_ms":
            return self._phases_of
        if name in _TIMES:
            return partial(self._milliseconds, _TIMES[name], self.pair(name, "%.3f"))
        if name in _NUMBERS:
            return partial(self._count, _NUMBERS[name], self.pair(name, "%d"))
        escaped = lru_cache(_REMEMBERED)(partial(self._text_pair, name))
        text = _TEXTS[name]
        # Cut before, too: peers choose the texts, and what is remembered of them is bounded.
        return lambda call: escaped(text(call)[: MAX_TEXT + 1])

    def _text_pair(self, name: str, value: str) -> str:
        if not value:
            return ""
        return self.pair(name, self.value(value))

    def _time(self, call: LoggedCall) -> str:
        at = call[ENDED_AT] + self.offset_s
        second = int(at)
        if second != self._second:
            self._begin(second)
        return self.pair("time", self.quoted(f"{self._date}.{int((at - second) * 1000):03}Z"))

    def _begin(self, second: int) -> None:
        moment = datetime.fromtimestamp(second, timezone.utc)
        self._second, self._date = second, moment.strftime("%Y-%m-%dT%H:%M:%S")

    @staticmethod
    def _milliseconds(place: int, pair: str, call: LoggedCall) -> str:
        value = call[place]
        return "" if isinf(value) else pair % (value * 1000)

    @staticmethod
    def _count(of: Callable[[LoggedCall], int], pair: str, call: LoggedCall) -> str:
        value = of(call)
        return pair % value if value else ""

    def _phases_of(self, call: LoggedCall) -> str:
        """
        Return where the time went, of the calls of which somebody will ask.
        """
        if not call[SLOW] and call[STATUS] is Status.OK and call[PHASES].messages is None:
            return ""
        phases = call[PHASES].items()
        return self.pair("phases_ms", self._phases(phases)) if phases else ""


class TextLines(Lines):
    """
    ``name=value`` pairs with spaces between them.

    A value with a space, ``=``, a quotation mark or a backslash is written as a text in JSON.
    """

    def joined(self, parts: Iterable[str]) -> str:
        return " ".join(parts) + "\n"

    def pair(self, name: str, value: str) -> str:
        return f"{name}={value}"

    def _text(self, value: str) -> str:
        shown = printable(value)
        if any(each in shown for each in ' ="\\'):
            return printable_json(msgspec.json.encode(shown).decode())
        return shown

    def _phases(self, phases: Sequence[tuple[str, float]]) -> str:
        return '"' + ", ".join(f"{name} {took_s * 1000:.3f}" for name, took_s in phases) + '"'


class JSONLines(Lines):
    """
    A JSON object on each line.
    """

    def joined(self, parts: Iterable[str]) -> str:
        return "{" + ",".join(parts) + "}\n"

    def pair(self, name: str, value: str) -> str:
        return f'"{name}":{value}'

    def _text(self, value: str) -> str:
        # Half of a surrogate pair has no bytes.
        whole = value.encode("utf-8", "replace").decode()
        return printable_json(msgspec.json.encode(whole).decode())

    def quoted(self, plain: str) -> str:
        return f'"{plain}"'

    def _phases(self, phases: Sequence[tuple[str, float]]) -> str:
        return "{" + ",".join(f'"{name}":{took_s * 1000:.3f}' for name, took_s in phases) + "}"
