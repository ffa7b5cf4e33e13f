"""
Writes instances of the program's own classes.
"""

from __future__ import annotations

from typing import Any

from rpcfw_hessian.encoder import Encoder, Write, encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.records import Field
from rpcfw_hessian.text import encode_string
from rpcfw_hessian.writers import unfit

__all__ = ["RecordWriter"]


class RecordWriter:
    """
    Writes instances of one class; those of subclasses are written by their own.

    Args:
        java_class: without one, they are written as maps, which Java reads where it expects
            the class.
    """

    def __init__(self, cls: type, java_class: str | None) -> None:
        self._cls = cls
        self._java_class = java_class
        self._definition = b""
        #: For each field its name in Python and what writes it; in a map, its encoded name.
        self._steps: tuple[tuple[str, Write], ...] = ()
        self._names: tuple[bytes, ...] = ()

    def complete(self, fields: tuple[Field, ...]) -> None:
        """
        Set the fields, whose types may be the class itself.
        """
        names = tuple(each.java_name for each in fields)
        self._definition = encode_definition(self._java_class or "", names)
        self._names = tuple(encode_string(field.name) for field in fields)
        self._steps = tuple((field.name, field.write) for field in fields)

    def write(self, e: Encoder, value: Any) -> None:
        """
        Write an instance.
        """
        if type(value) is not self._cls:
            if not isinstance(value, self._cls):
                raise unfit(self._cls.__qualname__, value)
            e.schema.writer_of(type(value))(e, value)
        elif not e.refer(value):
            if self._java_class is None:
                self._write_map(e, value)
            else:
                e.instance(self._definition)
                self._write_fields(e, value)

    def _write_fields(self, e: Encoder, value: Any) -> None:
        name = ""
        try:
            for name, write in self._steps:
                write(e, getattr(value, name))
        except HessianError as error:
            error.path.append(f".{name}")
            raise

    def _write_map(self, e: Encoder, value: Any) -> None:
        e.out.append(b"H")
        name = ""
        try:
            for encoded, (name, write) in zip(self._names, self._steps, strict=True):
                e.out.append(encoded)
                write(e, getattr(value, name))
        except HessianError as error:
            error.path.append(f".{name}")
            raise
        e.out.append(b"Z")
