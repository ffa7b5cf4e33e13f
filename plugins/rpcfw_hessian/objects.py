"""
What is read where no Python class is known: a readable object, an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import recursive_repr
from typing import Any

from attrs import frozen

__all__ = ["JavaException", "JavaLong", "JavaObject", "MapEntries", "StackFrame"]


class JavaObject:
    """
    An instance of a Java class that has no Python class here.

    ``order["id"]`` and ``order.fields`` have its fields, by their Java names. It is written
    with the same class and fields; longs that fit an int become ints, which Java converts.
    Two are equal if class and fields are.
    """

    __slots__ = ("fields", "java_class")
    # Equality of something with changing fields, which may contain itself, makes no hash.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, java_class: str, fields: Mapping[str, Any] | None = None) -> None:
        self.java_class = java_class
        self.fields: dict[str, Any] = dict(fields) if fields else {}

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JavaObject):
            return NotImplemented
        return self.java_class == other.java_class and self.fields == other.fields

    @recursive_repr()
    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"{self.java_class}({inside})"


class JavaLong(int):
    """
    A Java long where no type is expected, as in a ``Map<String, Object>``.

    A plain ``int`` is written there as a Java int if its value fits one. What is read is always
    a plain ``int``.
    """

    __slots__ = ()


class MapEntries(list[tuple[Any, Any]]):
    """
    A map with a key that Python cannot hash, as a list or a `JavaObject`: its keys and values.

    It is written as a map again.
    """

    __slots__ = ()


@frozen
class StackFrame:
    """
    One line of a Java stack trace.
    """

    declaring_class: str
    method: str
    file: str | None = None
    line: int = -1

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line >= 0 else self.file
        return f"at {self.declaring_class}.{self.method}({place or 'Unknown Source'})"


class JavaException(Exception):
    """
    A Java exception whose class has no Python class here.

    Args:
        java_class: its full name.
        message: Java's ``getMessage()``.
        stack_trace: innermost first.
        fields: what its class adds to ``java.lang.Throwable``.
    """

    def __init__(
        self,
        java_class: str,
        message: str | None = None,
        *,
        cause: BaseException | None = None,
        stack_trace: tuple[StackFrame, ...] = (),
        suppressed: tuple[BaseException, ...] = (),
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(java_class, message)
        self.java_class = java_class
        self.message = message
        self.__cause__ = cause
        self.stack_trace = stack_trace
        self.suppressed = suppressed
        self.fields: dict[str, Any] = dict(fields or {})

    def __str__(self) -> str:
        return f"{self.java_class}: {self.message}" if self.message else self.java_class
