"""
Options: what a section of the INI file may say, declared as data.

A plugin, or a part of the framework, declares an attrs class::

    @options
    class Options:
        address: Address = option("tcp:127.0.0.1:2210", "where the node listens")
        lease: Seconds = option("10s", "how long an instance stays listed without renewal")

Defaults are written as the INI would write them and read by the same code, so
what the example file prints is what happens. The annotation says how text is
read: ``str``, ``int``, ``float``, ``bool``, ``Seconds``, ``Bytes``,
``PerSecond``, ``Share``, ``TimeLimit`` (see `rpcfw.values.units`), ``Address``, ``Path``,
``Literal["a", "b"]``, ``tuple[X, ...]`` (separated by commas or new lines) and
``X | None`` (empty text is None).

What no conversion can refuse, the class itself does, by a method that pairs the name
of an option with what is wrong with its value::

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.lease < 1:
            yield "lease", f"must be at least 1s, not {self.lease:g}s"

It is asked once the options are made from a file, and each problem is reported with the
option's file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs

__all__ = [
    "NO_DEFAULT",
    "Declared",
    "below_minimum",
    "declared",
    "option",
    "options",
    "problems",
]

C = TypeVar("C", bound=type)


class _NoDefault:
    def __repr__(self) -> str:
        return "(none: must be given)"


#: The default of an option that must be given.
NO_DEFAULT: Any = _NoDefault()


@attrs.frozen
class Declared:
    """
    One option as declared.

    Args:
        name: as in the INI: lower case, words joined by underscores.
        type: the annotation, resolved.
        default: INI text, or `NO_DEFAULT`.
        meaning: one line for a person.
        secret: its value is never shown.
        was: an earlier name. It is refused, and the error names the new one.
        section: where it is written, if that is not the plugin's own section.
        loads_code: it names code that is imported.
    """

    name: str
    type: Any
    default: Any
    meaning: str
    secret: bool = False
    was: str = ""
    section: str = ""
    loads_code: bool = False


def option(
    default: Any,
    meaning: str,
    *,
    secret: bool = False,
    was: str = "",
    section: str = "",
    loads_code: bool = False,
) -> Any:
    """
    Declare an option: its default as INI text (or `NO_DEFAULT`) and its meaning.

    Args:
        default: as the INI file would have it.
        meaning: one line for a person.
        secret: never show the value.
        was: an earlier name of the option. The error for a file that has it names the new one.
        section: the one that has the option, as ``codec hessian2``, for options that several
            plugins share. Elsewhere it is refused, and the error names this section.
        loads_code: it names code that is imported, so rules from a registry may not give it.
    """
    return attrs.field(
        kw_only=True,
        repr=not secret,
        metadata={
            "default": default,
            "meaning": meaning,
            "secret": secret,
            "was": was,
            "section": section,
            "loads_code": loads_code,
        },
    )


def options(cls: C) -> C:
    """
    Make a class of declared options; its instances are frozen.

    Without slots, so that one class may join the options of several parts.
    """
    return attrs.frozen(cls, slots=False)


def declared(cls: type) -> tuple[Declared, ...]:
    """
    Return what a class made with `options` declares, in order.
    """
    attrs.resolve_types(cls, include_extras=True)
    return tuple(
        Declared(
            name=field.name,
            type=field.type,
            default=field.metadata["default"],
            meaning=field.metadata["meaning"],
            secret=field.metadata["secret"],
            was=field.metadata["was"],
            section=field.metadata["section"],
            loads_code=field.metadata["loads_code"],
        )
        for field in attrs.fields(cls)
    )


def problems(made: Any) -> Iterable[tuple[str, str]]:
    """
    Return what options say is wrong with themselves: pairs of option and reason.
    """
    find = getattr(made, "problems", None)
    return () if find is None else find()


def below_minimum(made: Any, minima: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """
    Find options with a value below the least that is allowed: a part of ``problems``.

    Args:
        minima: the least value, by option.
    """
    for name, minimum in minima.items():
        value = getattr(made, name)
        if value < minimum:
            yield name, f"must be at least {minimum}, not {value}"
