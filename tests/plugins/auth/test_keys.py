"""
Files of keys.
"""

from __future__ import annotations

import pytest

from rpcfw_auth.keys import parse_keys
from tests.plugins.auth.secrets import NEW, OLD, line


def test_a_file():
    """
    Each line is a key, in the order of the file. Secrets are not shown.
    """
    keys = parse_keys(f"# keys\n\n{OLD}\n  {NEW}\n".encode())

    assert ["old", "new"] == list(keys)
    assert b"o" * 32 == keys["old"].secret
    assert "ooo" not in repr(keys)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "expected a key, as a line"),
        ("# only a comment", "expected a key, as a line"),
        ("\nid c2VjcmV0", "line 2: expected an id, an owner and a secret"),
        (f"{OLD}\n{OLD}", "line 2: its id is that of another line"),
        (line("a b", "x", b"s" * 32), "line 1: expected an id"),
        (line("ä", "x", b"s" * 32), "line 1: an id or owner is up to 64"),
        ("a b !secret!", "line 1: the secret is not base64"),
        (line("a", "b", b"s" * 31), "line 1: the secret has 31 bytes, and needs at least 32"),
        ("\n".join(line(f"k{n}", "b", b"s" * 32) for n in range(1001)), "at most 1000"),
    ],
)
def test_mistakes(content, problem):
    """
    A mistake is told with its line, and without what stands in it.
    """
    with pytest.raises(ValueError, match=problem) as raised:
        parse_keys(content.encode())
    assert "c2Vj" not in str(raised.value)
    assert "!secret!" not in str(raised.value)
