"""
W3C Baggage (https://www.w3.org/TR/baggage/): what the program hands on with its calls.

It is read and written by OpenTelemetry's own propagator, as its other instrumentations do. That
logs each entry that is malformed, and a peer must not decide what is logged; so a value that it
would not take whole is ignored.
"""

from __future__ import annotations

import re

from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from rpcfw.printable import is_plain

__all__ = ["read_baggage", "write_baggage"]

#: Section 3.3.2. Each entry costs a server some 3 us, so there are no more.
_MAX_ENTRIES = 64
_MAX_BYTES = 8192
_MAX_ENTRY_BYTES = 4096
#: Section 3.3.1: a token, and a value of visible characters without `"`, `,`, `;` and `\`.
_VALUE = r"[!#-+\--:<-\[\]-~]*"
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - a token of the grammar
_PROPERTY = rf"[ \t]*;[ \t]*{_TOKEN}(?:[ \t]*=[ \t]*{_VALUE})?"
# No two neighbours take the same space, or a long row of spaces would take long.
_ENTRY = re.compile(rf"[ \t]*{_TOKEN}[ \t]*=[ \t]*{_VALUE}(?:{_PROPERTY})*[ \t]*\Z")

_PROPAGATOR = W3CBaggagePropagator()


def read_baggage(text: str, context: Context) -> Context:
    """
    Return the context with what a peer has sent; the same one if that is malformed.
    """
    if len(text) > _MAX_BYTES or text.count(",") >= _MAX_ENTRIES:
        return context
    entries = text.split(",")
    if not all(len(each) <= _MAX_ENTRY_BYTES and _ENTRY.match(each) for each in entries):
        return context
    return _PROPAGATOR.extract({"baggage": text}, context)


def write_baggage(context: Context) -> str:
    """
    Return the baggage of a context as text; empty for none, and for one that cannot be sent.
    """
    if not get_all(context):
        return ""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context)
    text = carrier.get("baggage", "")
    return text if len(text) <= _MAX_BYTES and text.isascii() and is_plain(text) else ""
