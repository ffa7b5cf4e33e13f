"""
Our dialect of INI, read with the file and line of every value.

Sections are ``[name]`` or ``[name qualifier]``, values ``key = value``; indented
lines continue the value above, each as a line of its own. A comment begins with
``#`` or ``;`` and has its line to itself, so both characters may be in values.
Sections, qualifiers and keys are case-sensitive.

Nothing here knows what a section or key means.
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

__all__ = [
    "MAX_MISTAKES",
    "Given",
    "Layer",
    "Mistake",
    "Origin",
    "Section",
    "SectionName",
    "read_ini",
]

#: So many mistakes of one source are kept: more help nobody, and may come from a peer.
MAX_MISTAKES = 100

# A qualifier has brackets in pairs only, as an address of IPv6 does.
_QUALIFIER = r"(?:[^\[\]\s]|\[[^\[\]\s]*\])+"
_HEADER = re.compile(rf"\[\s*([a-z][a-z0-9_]*)(?:\s+({_QUALIFIER}))?\s*\]\Z")
_KEY = re.compile(r"[^\s=\[\]]+\Z")


@frozen
class Origin:
    """
    Where a text stands.

    Args:
        shown: as a person reads it: ``FILE:LINE``, or what else it came from.
        order: sorts mistakes into the order in which things were given.
        folder: what a relative path in the text starts from; empty for here.
    """

    shown: str
    order: tuple[int, int] = (0, 0)
    folder: str = ""

    def __str__(self) -> str:
        return self.shown


@frozen
class Given:
    """
    A value's text and where it stands. The text may be secret: it has no repr.
    """

    text: str = field(repr=False)
    origin: Origin


@frozen(order=True)
class SectionName:
    """
    ``[name]`` or ``[name qualifier]``.
    """

    name: str
    qualifier: str = ""

    @property
    def text(self) -> str:
        """
        The same without brackets, as ``router tag``.
        """
        return f"{self.name} {self.qualifier}" if self.qualifier else self.name

    def __str__(self) -> str:
        return f"[{self.text}]"


@frozen
class Mistake:
    """
    One mistake, for a person to mend.
    """

    origin: Origin
    reason: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}"


@define
class Section:
    """
    The values of one section in one layer; ``origin`` is where it begins.
    """

    origin: Origin
    values: dict[str, Given] = field(factory=dict)


@define
class Layer:
    """
    One source of values: a file, the environment, the command line.
    """

    sections: dict[SectionName, Section] = field(factory=dict)
    mistakes: list[Mistake] = field(factory=list)

    def blame(self, origin: Origin, reason: str) -> None:
        """
        Note a mistake, unless there are `MAX_MISTAKES` already.
        """
        if len(self.mistakes) < MAX_MISTAKES:
            self.mistakes.append(Mistake(origin, reason))

    def give(self, name: SectionName, key: str, given: Given) -> None:
        """
        Add a value; the same key again in one layer is a mistake.
        """
        section = self.sections.setdefault(name, Section(given.origin))
        before = section.values.setdefault(key, given)
        if before is not given:
            self.blame(given.origin, f"{name} {key}: given twice; first at {before.origin}")


class _Reader:
    """
    Takes one line after the other.
    """

    def __init__(self, file: str, number: int, folder: str) -> None:
        self.layer = Layer()
        self._file = file
        self._number = number
        self._folder = folder
        self._section: SectionName | None = None
        self._skips_section = False
        self._key = ""
        self._lines: list[str] = []
        self._origin = self._at(0)

    def _at(self, line: int) -> Origin:
        return Origin(f"{self._file}:{line}", (self._number, line), self._folder)

    def take(self, number: int, line: str) -> None:
        text = line.strip()
        if not text or text[0] in "#;":
            return
        if line[0].isspace():
            self._continue(self._at(number), text)
        elif text[0] == "[":
            self._begin_section(self._at(number), text)
        else:
            self._begin_value(self._at(number), text)

    def end_value(self) -> None:
        """
        Hand over the value that was being read.
        """
        if self._key and self._section is not None:
            given = Given("\n".join(self._lines).strip(), self._origin)
            self.layer.give(self._section, self._key, given)
        self._key = ""

    def _continue(self, at: Origin, text: str) -> None:
        if self._key:
            self._lines.append(text)
        elif not self._skips_section:
            self.layer.blame(at, "an indented line continues the value above, and there is none")

    def _begin_section(self, at: Origin, text: str) -> None:
        self.end_value()
        match = _HEADER.match(text)
        self._skips_section = match is None
        if match is None:
            self._section = None
            self.layer.blame(
                at, f"{text!r} is no section; expected [name] or [name qualifier] in lower case"
            )
            return
        self._section = SectionName(match[1], match[2] or "")
        self.layer.sections.setdefault(self._section, Section(at))

    def _begin_value(self, at: Origin, text: str) -> None:
        self.end_value()
        key, equals, value = text.partition("=")
        key = key.strip()
        # What is in a line that cannot be read may be secret: it is not shown.
        if not equals or not _KEY.match(key):
            meant = " (with =, not with :)" if ":" in text and not equals else ""
            expected = f"expected key = value{meant}, [section], or a comment beginning with #"
            self.layer.blame(at, expected)
        elif self._section is not None:
            self._key, self._lines, self._origin = key, [value.strip()], at
        elif not self._skips_section:
            self.layer.blame(at, f"{key}: is above the first [section]")


def read_ini(content: bytes, file: str, *, number: int = 0, folder: str = "") -> Layer:
    """
    Read a whole file; what cannot be read is among the layer's mistakes.

    Args:
        content: the bytes of the file.
        file: its name as mistakes show it.
        number: its place among the files.
        folder: where it lies.
    """
    reader = _Reader(file, number, folder)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        at = Origin(f"{file}:{line}", (number, line), folder)
        reader.layer.blame(at, "not UTF-8; save the file in that encoding")
        return reader.layer
    for index, each in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        reader.take(index, each)
    reader.end_value()
    return reader.layer
