"""
Words that say only that something happens, or that it is some thing.
"""

from __future__ import annotations

import re

import pytest

from tests.house.tree import files, named, where

BANNED = frozenset(
    (
        "abstract",
        "base",
        "common",
        "component",
        "data",
        "engine",
        "handler",
        "helper",
        "helpers",
        "impl",
        "info",
        "manager",
        "misc",
        "processor",
        "util",
        "utils",
        "wrapper",
    )
)

#: Names that are somebody else's, with whose.
OTHERS: dict[str, str] = {
    "add_span_processor": "programs call it on a provider of OpenTelemetry",
    "call_exception_handler": "asyncio calls it",
    "childDataReceived": "Twisted calls it",
    "dataReceived": "Twisted calls it",
    "data_received": "asyncio calls it",
    "outReceived": "Twisted calls it",
}

#: Words that are another library's or an RFC's, in files that are about it.
THEIRS = {
    "kazoo": frozenset(("handler",)),
    # DATA is a frame of HTTP/2.
    "grpc": frozenset(("data",)),
}

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(name: str) -> set[str]:
    """
    Return the words that a name is made of.
    """
    return {word.lower() for word in WORD.findall(name)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RoundRobin", {"round", "robin"}),
        ("JSONCodec", {"json", "codec"}),
        ("_read_data", {"read", "data"}),
        ("HTTP2Machine", {"http", "2", "machine"}),
    ],
)
def test_words_of_a_name(name, expected):
    """
    A name falls apart where a reader sees its words.
    """
    assert expected == words(name)


def empty(place: str, name: str) -> set[str]:
    """
    Return those words of a name that say nothing where it stands.
    """
    theirs = frozenset().union(*(theirs for about, theirs in THEIRS.items() if about in place))
    return words(name) & (BANNED - theirs)


def test_no_empty_words_in_names():
    """
    No file, class or function is named by a word that says nothing.
    """
    paths = files("rpcfw", "plugins", "benchmarks", "examples", "tests")
    names = [(where(path), path.stem) for path in paths]
    names += [(where(path, node), name) for path in paths for name, node in named(path)]

    found = [
        f"{place} {name}"
        for place, name in names
        if name not in OTHERS and not name.startswith("test_") and empty(place, name)
    ]

    assert [] == found
