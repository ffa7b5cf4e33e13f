"""
Words that this project once had for things that the field has terms for.

A reader searches for the term of the RFC, of gRPC, of ZooKeeper. So what stands here must
not come back, in names, errors, comments and pages. Each entry has the term to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house.tree import ROOT

#: Where the words are looked for. Tests may quote a word, to say that it is refused.
PLACES = ("rpcfw", "plugins", "examples", "docs", "conf", "README.md", "CONTRIBUTING.md")
ENDINGS = {".ini", ".md", ".py", ".pyi", ".proto"}

#: Pattern to the term to write. A pattern matches in any case and between letters of a
#: longer word only if it says so; an underscore is no letter, so names are searched too.
WORDS = {
    # One sense only, so the word itself is refused.
    r"farewells?": "GOAWAY, close reason",
    r"good-?byes?": "GOAWAY, close reason",
    r"last words?": "GOAWAY, close reason, final answer",
    r"bears?|borne": "tolerate, accept, have",
    r"wish(es|ed)?": "pushback (of a server), request",
    r"breaths?": "batch, read",
    r"(door)?bells?|rings? the": "event, set",
    r"hush(ed)?": "clear",
    r"crowd(s|ed)?": "saturated",
    r"signs? of life": "keepalive ping",
    r"for (want|lack) of": "without, because there is no",
    r"let(s|ting)?( \w+)? go( of)?": "release, close",
    r"ears": "active captures",
    r"heard|hears?|hearing": "received, captured, notices",
    r"buys?( \w+)? tokens?": "authenticate",
    r"(short|long) ways?": "fast path, slow path",
    r"roomy|roomier|rooms?": "window, capacity, space; package",
    r"chances?": "random, randomness",
    r"unpack(s|ed|ing)? size": "decompressed size",
    r"stands? (behind|before)|stood (behind|before)": "follow, precede",
    r"seldom(ly)?": "rarely, rate limit",
    r"surroundings": "plugin context",
    r"long_?way": "QueuedCalls",
    # Also fine English in another sense: refused in the old sense as far as a pattern tells.
    r"unpacked|(is|are|was|were|be|came|nobody|not) packed": "compressed, decompressed",
    r"packed (body|bodies|messages?|form|size)": "compressed",
    r"_?(most|least)_(s|bytes|at_once|keys|mistakes|asked)": "max_…, min_…",
    r"told|telling": "reported, sent, notified, called with",
    r"(the|its|their|his|no|a|without a|first) words?(?! (list|for|in))": "message, report, answer",
    r"said (of|to|by|that|so)|was said|is said|be said": "sent, reported",
    r"(is|are|was|were|be|been|being|goes|go|went|gone|far|while) away": "unreachable, paused",
    # Out of use, or with another meaning today.
    r"in good order": "gracefully",
    r"of late": "recently",
    r"whence|hitherto|thereby|thereof|therein|hereby|whither|lest|upon|ere|nought|naught": (
        "plain present-day English"
    ),
}

#: One pass over a text for all words: it says where to look for which.
ANY = re.compile(
    "|".join(rf"(?<![a-z])(?:{re.sub('[(](?![?])', '(?:', word)})(?![a-z])" for word in WORDS)
)
EACH = {re.compile(word): term for word, term in WORDS.items()}

#: Where a word is somebody else's, or is about something else: path and the text around it.
ALLOWED: dict[str, str] = {}


@cache
def files() -> tuple[Path, ...]:
    """
    Return every text file that is looked through.
    """
    found = []
    for place in PLACES:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob("*"))
    return tuple(path for path in found if path.suffix in ENDINGS and "_pb2" not in path.name)


def mistakes(text: str) -> Iterator[tuple[int, str, str]]:
    """
    Yield (line, word, term to write) of each refused word in a text.
    """
    for match in ANY.finditer(text.lower()):
        line = text.count("\n", 0, match.start()) + 1
        yield line, match[0], next(term for word, term in EACH.items() if word.fullmatch(match[0]))


def excused(path: Path, line: str) -> bool:
    """
    Whether a line may have the word that it has.
    """
    quoted = ALLOWED.get(str(path.relative_to(ROOT)))
    return quoted is not None and quoted in line


def test_the_fields_terms_are_used():
    """
    No file has a word for which the field has a term.
    """
    found = []
    for path in files():
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}: {word!r}; write: {term}"
            for number, word, term in mistakes(text)
            if not excused(path, lines[number - 1])
        ]

    assert [] == found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "_farewell = 1",
        "a sign of life",
        "the two words of farewell",
        "class LongWay:",
        "So many are borne.",
        "while the registry is away",
        "Nobody is told.",
    ],
)
def test_an_old_word_is_found(text):
    """
    A word of the list is found in prose, in a name and in any case.
    """
    assert [] != list(mistakes(text))


@pytest.mark.parametrize(
    "text",
    [
        "years of hearsay",
        "the bearer token",
        "take the limit away",
        "the message says why",
        "a keyword for it",
        "strings and earshot",
    ],
)
def test_a_longer_word_is_not(text):
    """
    A word that only contains one of the list is left alone.
    """
    assert [] == list(mistakes(text))
