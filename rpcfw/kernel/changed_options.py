"""
Options with some of them changed at run time, checked as those of a file are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from rpcfw.errors import SettingsError
from rpcfw.kernel.convert import converted, why_refused
from rpcfw.kernel.known import renamed
from rpcfw.kernel.nearest import suggestion
from rpcfw.spi.options import Declared, declared, problems

__all__ = ["changed_options"]

O = TypeVar("O")  # noqa: E741  # O for options


def changed_options(options: O, texts: Mapping[str, str], place: str) -> O:
    """
    Return the options with the values that ``texts`` has, written as in an INI file.

    Args:
        place: how the section is written, to begin a message with.

    Raises:
        SettingsError: with every mistake.
    """
    fields = {each.name: each for each in declared(type(options))}
    values = {name: getattr(options, name) for name in fields}
    mistakes = []
    for key, text in texts.items():
        try:
            values[key] = _value(fields, key, text)
        except ValueError as error:
            mistakes.append(f"{place} {key}: {error}")
    if mistakes:
        raise SettingsError(*mistakes)
    try:
        made = type(options)(**values)
    except ValueError as error:
        raise SettingsError(f"{place}: {error}") from error
    mistakes = [f"{place} {key}: {reason}" for key, reason in problems(made)]
    if mistakes:
        raise SettingsError(*mistakes)
    return made


def _value(fields: Mapping[str, Declared], key: str, text: object) -> object:
    """
    Return the value of one option.

    Raises:
        ValueError: says what is wrong with it.
    """
    field = fields.get(key)
    if field is None:
        for each in fields.values():
            if key and key == each.was:
                raise ValueError(renamed(each.name))
        raise ValueError(f"unknown option; {suggestion(key, fields)}")
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValueError(f"expected text as in an INI file, got {kind}")  # noqa: TRY004
    try:
        return converted(field.type, text)
    except ValueError as error:
        raise ValueError(why_refused(field, error)) from error
