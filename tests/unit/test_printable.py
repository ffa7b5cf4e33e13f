"""
Others' words, as they may be shown.
"""

from __future__ import annotations

import json

import pytest

from rpcfw.errors import CallError, RegistryError
from rpcfw.printable import is_plain, printable, printable_json, printable_lines

#: What drives a terminal, ends a line, turns text around, or is not seen.
UNSAFE = (
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029",
    *"\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
    "\ud800",
    "\U000e0041",
)


@pytest.mark.parametrize("unsafe", UNSAFE, ids=ascii)
def test_an_unsafe_character_is_escaped(unsafe):
    """
    None of them reaches a terminal, wherever it stands.
    """
    shown = printable(f"a{unsafe}b")

    assert shown.isascii()
    assert shown.isprintable()
    assert not is_plain(unsafe)
    assert f"a{ascii(unsafe)[1:-1]}b" == shown or shown == f"a\\x{ord(unsafe):02x}b"


@pytest.mark.parametrize("plain", ["", "demo.Greeter", "größe", "名前", "שלום", "a b", "🙂"])
def test_other_text_stays(plain):
    """
    What people write in any language is shown as it is.
    """
    assert plain == printable(plain)
    assert is_plain(plain)


def test_our_own_line_feeds_stay():
    """
    Text of several lines keeps them, and nothing else in it ends a line.
    """
    assert "a\\x1b\nb\\u2028c" == printable_lines("a\x1b\nb\u2028c")


@pytest.mark.parametrize("unsafe", [each for each in UNSAFE if each != "\ud800"], ids=ascii)
def test_json_says_the_same(unsafe):
    """
    Escaped JSON is read as what it was, and prints nothing unsafe.
    """
    value = {f"k{unsafe}": [f"v{unsafe}🙂"]}
    written = json.dumps(value, ensure_ascii=False, indent=2)

    shown = printable_json(written)

    assert value == json.loads(shown)
    assert is_plain(shown.replace("\n", ""))


def test_an_error_shows_no_controls():
    """
    A peer's message is safe in str(error), and as it came in error.message.
    """
    error = CallError("no\x1b[2J\r\nsuch \u202eorder")

    assert "UNKNOWN: no\\x1b[2J\\x0d\\x0asuch \\u202eorder" == str(error)
    assert "no\x1b[2J\r\nsuch \u202eorder" == error.message
    assert "away\\x07" == str(RegistryError("away\x07"))
