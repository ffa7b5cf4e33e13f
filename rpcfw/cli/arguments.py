"""
Values of arguments, with our own error messages.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

from rpcfw.app.tools.call_text import metadata_pair
from rpcfw.values.address import Address
from rpcfw.values.units import parse_duration, parse_time_limit

__all__ = [
    "a_duration",
    "a_method",
    "a_method_or_address",
    "a_pair",
    "a_time_limit",
    "an_address",
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
    return _checked(metadata_pair, text)


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
