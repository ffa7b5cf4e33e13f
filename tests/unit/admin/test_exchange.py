"""
What is read of an HTTP request.
"""

from __future__ import annotations

import pytest

from rpcfw.admin.exchange import Asked
from rpcfw.spi.page import PageRefused


def asked(target, **headers):
    return Asked("GET", target, {name: [text] for name, text in headers.items()})


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/status", "/status"),
        ("/status?a=1", "/status"),
        ("/status.json?a=1", "/status"),
        ("/status.html", "/status"),
        ("/%73tatus", "/%73tatus"),
        ("/../etc/passwd", "/../etc/passwd"),
    ],
)
def test_a_path_is_taken_as_it_is(target, path):
    """
    Nothing is decoded and nothing is resolved; a suffix chooses the format.
    """
    assert path == asked(target).path


@pytest.mark.parametrize(
    ("target", "accept", "format"),
    [
        ("/status", "", "text"),
        ("/status", "*/*", "text"),
        ("/status", "text/html,application/xhtml+xml;q=0.9", "html"),
        ("/status", "application/json", "json"),
        ("/status", "text/plain, text/html", "text"),
        ("/status.json", "text/html", "json"),
        ("/status.txt", "text/html", "text"),
        ("/status?format=html", "application/json", "html"),
    ],
)
def test_who_asks_chooses_the_format(target, accept, format):
    """
    A browser gets HTML and curl gets text; a suffix or a parameter counts before that.
    """
    assert format == asked(target, accept=accept).format()


def test_an_unknown_format_is_refused():
    """
    The refusal names the formats.
    """
    with pytest.raises(PageRefused, match="expected html, json or text, got 'xml'"):
        asked("/status?format=xml").format()


def test_parameters_are_decoded_and_bounded():
    """
    Of two parameters with one name the first counts; too many are refused.
    """
    assert {"a": "1 2", "b": ""} == asked("/x?a=1%202&a=3&b=").query()
    with pytest.raises(PageRefused, match="at most 100"):
        asked("/x?" + "&".join("a=1" for _ in range(101))).query()


@pytest.mark.parametrize(
    ("target", "status"),
    [("http://127.0.0.1/status", 400), ("*", 400), ("/" + "a" * 4096, 414)],
)
def test_a_target_is_a_path_of_bounded_length(target, status):
    """
    An absolute URL, as for a proxy, is no request for this server.
    """
    with pytest.raises(PageRefused) as refused:
        asked(target).check()
    assert status == refused.value.status


def test_a_header_that_is_there_twice_is_refused():
    """
    Two readers of such a request could take different ones.
    """
    with pytest.raises(PageRefused, match="host once, got it 2 times"):
        Asked("GET", "/", {"host": ["a", "b"]}).header("host")
