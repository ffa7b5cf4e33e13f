"""
Values of arguments, with our own error messages.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from base64 import b64decode
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from rpcfw.errors import SettingsError
from rpcfw.values.address import Address
from rpcfw.values.metadata import Metadata
from rpcfw.values.units import parse_duration, parse_time_limit

__all__ = [
    "a_duration",
    "a_method",
    "a_method_or_address",
    "a_pair",
    "a_time_limit",
    "an_address",
    "decoded",
]

T = TypeVar("T")


def _checked(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def a_duration(text: str) -> float:
    """
    Return the seconds of ``500ms``.
    """
    return _checked(parse_duration, text)


def a_time_limit(text: str) -> float:
    """
    Return the seconds of ``500ms``, infinity for ``none``.
    """
    return _checked(parse_time_limit, text)


def an_address(text: str) -> Address:
    """
    Return the address that is written ``tcp:127.0.0.1:2210``.
    """
    return _checked(Address.parse, text)


def a_method_or_address(text: str) -> tuple[str, str] | Address:
    """
    Return a method, or an address such as ``127.0.0.1:2200``, which has no slash.
    """
    return an_address(text) if ":" in text and "/" not in text else a_method(text)


def a_pair(text: str) -> tuple[str, str | bytes]:
    """
    Return a pair of metadata, written ``name=value``; bytes are in base64.
    """
    return _checked(_pair, text)


def _pair(text: str) -> tuple[str, str | bytes]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    read = b64decode(value, validate=True) if name.lower().endswith("-bin") else value
    return Metadata.of([(name, read)]).pairs[0]


def a_method(text: str) -> tuple[str, str]:
    """
    Return service and method of ``demo.Greeter/say``.
    """
    service, _, name = text.strip("/").rpartition("/")
    if service and name and "/" not in service:
        return service, name
    meant = ""
    if "/" not in text.strip("/"):
        whole = text.strip("/")
        dotted, _, last = whole.rpartition(".")
        meant = f"; if that is the service, add a method: {whole}/METHOD"
        meant += f"; if {last} is the method: {dotted}/{last}" if dotted else ""
    raise ArgumentTypeError(f"{text!r} is not SERVICE/METHOD, as demo.Greeter/say{meant}")


def decoded(text: bytes, what: str) -> Any:
    """
    Return what JSON is for.

    Raises:
        SettingsError: it is none.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        shown = text.decode("utf-8", "replace")
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        raise SettingsError(f"{what} is no JSON: {error}, in: {shown}") from None
