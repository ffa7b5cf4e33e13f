"""
Java exceptions as they are in replies.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from rpcfw_hessian.annotations import declared_class
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.objects import JavaException, JavaObject
from rpcfw_hessian.schema import Schema
from rpcfw_hessian.text import encode_string

__all__ = ["Throwable", "is_throwable", "throwable_of", "write_throwable"]

#: Without any Python classes: the class of an exception is looked at, and no more.
_schema = Schema()


@frozen
class Throwable:
    """
    What the status of a call is made of.

    Args:
        java_class: its full name.
        message: Java's ``getMessage()``.
        code: of an RpcException.
    """

    java_class: str
    message: str
    code: object = None


def throwable_of(value: Any) -> Throwable:
    """
    Return what is known of an exception that was read.
    """
    if isinstance(value, JavaException):
        return Throwable(value.java_class, value.message or "", value.fields.get("code"))
    if isinstance(value, JavaObject):
        message = value.fields.get("detailMessage")
        text = message if isinstance(message, str) else ""
        return Throwable(value.java_class, text, value.fields.get("code"))
    java_class = declared_class(type(value)) or type(value).__qualname__
    # Of other values no text: that of lists which share their items can be endless.
    return Throwable(java_class, str(value) if isinstance(value, (str, BaseException)) else "")


def write_throwable(java_class: str, message: str, code: int | None = None) -> bytes:
    """
    Return an exception without cause and stack; Java makes the rest of it.
    """
    names = encode_string("detailMessage")
    values = encode_string(message)
    count = b"\x91"
    if code is not None:
        count, names, values = (
            b"\x92",
            encode_string("code") + names,
            bytes((0x90 + code,)) + values,
        )
    return b"C" + encode_string(java_class) + count + names + b"\x60" + values


def is_throwable(details: bytes) -> bool:
    """
    Tell whether the details of a status are an object in Hessian 2.
    """
    if details[:1] != b"C":  # a class definition is in front of the first object
        return False
    decoder = Decoder(details, _schema)
    try:
        value = decoder.read()
    except HessianError:
        return False
    return decoder.at_end and isinstance(value, (BaseException, JavaObject))
