"""
The lines of the access log: ``name=value`` pairs, or JSON objects.

Everything that a peer says is escaped and cut, so that one call is one line.

Theory of operation. A line is made of parts, one for each field that is not empty. That takes
some time, and most lines differ in times and numbers alone. So of calls that succeed in time the
line is made once as a template, for each method, caller and so on, and filled in from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import lru_cache, partial
from math import inf, isinf

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
    "call": lambda call: call[PHASES].number,
}
#: Fields with a time.
_TIMES: dict[str, int] = {"took_ms": TOOK_S, "limit_ms": LIMIT_S}

#: In a template: what is filled in, in the order of the arguments of `Lines._filled`.
_FILLED = {
    "time": "{0}.{1:03}Z",
    "took_ms": "{2:.3f}",
    "limit_ms": "{3:.3f}",
    "attempts": "{4}",
    "request_bytes": "{5}",
    "response_bytes": "{6}",
    "peer": "{7}",
    "trace_id": "{8.trace_id}",
    "span_id": "{8.span_id}",
}
#: So many templates are remembered.
_MAX_TEMPLATES = 1024

FIELDS = ("time", "slow", "phases_ms", *_TIMES, *_NUMBERS, *_TEXTS)


def _sizes(call: LoggedCall) -> tuple[int, int]:
    """
    Return the sizes of request and response.
    """
    phases = call[PHASES]
    sizes: tuple[int, int] = phases.sent_bytes, phases.received_bytes
    return sizes if call[SIDE] == "client" else sizes[::-1]


class Lines:
    """
    Makes lines.

    Args:
        fields: what a line has, in this order.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        #: Added to a time of the process's clock it gives the time of day.
        self.offset_s = 0.0
        self._second, self._date = -1, ""
        self._parts = {name: self._part(name) for name in fields}
        #: By what is written in them.
        self.templates: dict[tuple[object, ...], str] = {}
        self._peer = lru_cache(_REMEMBERED)(self._cut)

    def line(self, call: LoggedCall) -> str:
        """
        Return the line of a call, with its end.
        """
        if call[STATUS] is not Status.OK or call[SLOW]:
            return self.from_parts(call)
        phases = call[PHASES]
        # What is written in the template, and which of the fields that are filled in are empty.
        key = (
            call[METHOD],
            call[CALLER],
            call[IDENTITY],
            call[SIDE],
            not call[PEER],
            not call[ATTEMPTS],
            not phases.sent_bytes,
            not phases.received_bytes,
            call[LIMIT_S] == inf,
            call[TRACE] is None,
        )
        template = self.templates.get(key)
        if template is None:
            if len(self.templates) >= _MAX_TEMPLATES:
                self.templates.clear()
            template = self.templates[key] = self._template(call)
        return self._filled(template, call)

    def from_parts(self, call: LoggedCall) -> str:
        """
        Return the same line, made without a template.
        """
        return self._joined([part for each in self._parts.values() if (part := each(call))])

    def _filled(self, template: str, call: LoggedCall) -> str:
        at, phases = call[ENDED_AT] + self.offset_s, call[PHASES]
        second = int(at)
        if second != self._second:
            self._begin(second)
        sent, received = phases.sent_bytes, phases.received_bytes
        if call[SIDE] == "server":
            sent, received = received, sent
        return template.format(
            self._date,
            int((at - second) * 1000),
            call[TOOK_S] * 1000,
            call[LIMIT_S] * 1000,
            call[ATTEMPTS],
            sent,
            received,
            self._peer(call[PEER]),
            call[TRACE],
        )

    def _template(self, call: LoggedCall) -> str:
        # Empty parts are left out. Marks stand for what is joined, which may have braces itself.
        parts = {name: part for name, each in self._parts.items() if (part := each(call))}
        marks = [f"\0{number}\0" for number in range(len(parts))]
        whole = self._joined(marks).replace("{", "{{").replace("}", "}}")
        for mark, (name, part) in zip(marks, parts.items(), strict=True):
            filled = _FILLED.get(name)
            if filled is None:
                written = part.replace("{", "{{").replace("}", "}}")
            elif name == "peer" or name.endswith("_ms") or name in _NUMBERS:
                written = self._pair(name, filled)
            else:
                written = self._pair(name, self._quoted(filled))
            whole = whole.replace(mark, written)
        return whole

    def dropped(self, now: float, count: int) -> str:
        """
        Return the line that says how many lines are missing here.
        """
        return self._joined([self._time((now,)), self._pair("dropped", str(count))])

    def _joined(self, parts: list[str]) -> str:
        raise NotImplementedError

    def _pair(self, name: str, value: str) -> str:
        raise NotImplementedError

    def _text(self, value: str) -> str:
        raise NotImplementedError

    def _phases(self, phases: Sequence[tuple[str, float]]) -> str:
        raise NotImplementedError

    def _part(self, name: str) -> Part:
        if name == "time":
            return self._time
        if name == "slow":
            pair = self._pair("slow", "true")
            return lambda call: pair if call[SLOW] else ""
        if name == "phases_ms":
            return self._phases_of
        if name in _TIMES:
            return partial(self._milliseconds, _TIMES[name], self._pair(name, "%.3f"))
        if name in _NUMBERS:
            return partial(self._count, _NUMBERS[name], self._pair(name, "%d"))
        escaped = lru_cache(_REMEMBERED)(partial(self._text_pair, name))
        text = _TEXTS[name]
        return lambda call: escaped(text(call))

    def _text_pair(self, name: str, value: str) -> str:
        if not value:
            return ""
        return self._pair(name, self._cut(value))

    def _cut(self, value: str) -> str:
        return self._text(value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}...")

    def _time(self, call: LoggedCall) -> str:
        at = call[ENDED_AT] + self.offset_s
        second = int(at)
        if second != self._second:
            self._begin(second)
        return self._pair("time", self._quoted(f"{self._date}.{int((at - second) * 1000):03}Z"))

    def _begin(self, second: int) -> None:
        moment = datetime.fromtimestamp(second, timezone.utc)
        self._second, self._date = second, moment.strftime("%Y-%m-%dT%H:%M:%S")

    def _quoted(self, plain: str) -> str:
        return plain

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
        if not call[SLOW] and call[STATUS] is Status.OK:
            return ""
        phases = call[PHASES].items()
        return self._pair("phases_ms", self._phases(phases)) if phases else ""


class TextLines(Lines):
    """
    ``name=value`` pairs with spaces between them.

    A value with a space, ``=``, a quotation mark or a backslash is written as a text in JSON.
    """

    def _joined(self, parts: list[str]) -> str:
        return " ".join(parts) + "\n"

    def _pair(self, name: str, value: str) -> str:
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

    def _joined(self, parts: list[str]) -> str:
        return "{" + ",".join(parts) + "}\n"

    def _pair(self, name: str, value: str) -> str:
        return f'"{name}":{value}'

    def _text(self, value: str) -> str:
        # Half of a surrogate pair has no bytes.
        whole = value.encode("utf-8", "replace").decode()
        return printable_json(msgspec.json.encode(whole).decode())

    def _quoted(self, plain: str) -> str:
        return f'"{plain}"'

    def _phases(self, phases: Sequence[tuple[str, float]]) -> str:
        return "{" + ",".join(f'"{name}":{took_s * 1000:.3f}' for name, took_s in phases) + "}"
