"""
Names of Java types, as Dubbo publishes them: ``java.util.Map<java.lang.String,? extends a.B>[]``.

Only what is a type by Java's rules is taken, so no text in a definition can become code.
"""

from __future__ import annotations

import re

from attrs import frozen

from rpcfw.codegen.java.errors import DefinitionError

__all__ = ["PRIMITIVES", "JavaType", "binary_name", "parse_class", "parse_type"]

PRIMITIVES = frozenset(
    ("boolean", "byte", "char", "double", "float", "int", "long", "short", "void")
)

_NAME = r"(?:[^\W\d]|\$)[\w$]*"
_QUALIFIED = re.compile(rf"{_NAME}(?:\.{_NAME})*\Z")
_TOKEN = re.compile(rf"\s*({_NAME}(?:\.{_NAME})*|\[\]|\.\.\.|[<>,?&])")
#: No class has so many type parameters, dimensions or letters.
_MAX_CHARS, _MAX_DEPTH, _MAX_DIMENSIONS = 4096, 16, 8


@frozen
class JavaType:
    """
    A type.

    Args:
        name: the class, or the primitive; "?" for an unknown type.
        arguments: types in angle brackets.
        dimensions: of an array; 0 if it is none.
    """

    name: str
    arguments: tuple[JavaType, ...] = ()
    dimensions: int = 0

    @property
    def element(self) -> JavaType:
        """
        The type of an array's elements, without any brackets.
        """
        return JavaType(self.name, self.arguments)

    @property
    def erased(self) -> str:
        """
        The type as the JVM knows it, without type arguments.
        """
        return binary_name(self.name) + "[]" * self.dimensions

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.arguments))
        name = re.split(r"[.$]", self.name)[-1]
        return f"{name}<{inside}>{self.brackets}" if inside else name + self.brackets

    @property
    def brackets(self) -> str:
        return "[]" * self.dimensions


def binary_name(name: str) -> str:
    """
    Return the name of a class on the wire: ``com.acme.Order$Line`` for ``com.acme.Order.Line``.

    Dubbo publishes the first of these as the second. By Java's conventions, packages begin with
    a small letter and classes with a capital one.
    """
    parts = name.split(".")
    outer = next((at for at, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    return ".".join((*parts[:outer], "$".join(parts[outer:])))


def parse_class(text: str, where: str) -> str:
    """
    Return the full name of a class, checked.

    Raises:
        DefinitionError: it is no such name.
    """
    if len(text) > _MAX_CHARS or not _QUALIFIED.match(text):
        raise DefinitionError(f"{where}: expected the name of a Java class, got {text[:100]!r}")
    return text


def parse_type(text: str, where: str) -> JavaType:
    """
    Read a type.

    Args:
        where: it stands, for errors.

    Raises:
        DefinitionError: it is none.
    """
    if len(text) > _MAX_CHARS:
        raise DefinitionError(
            f"{where}: expected a Java type of at most {_MAX_CHARS} characters, got {len(text)}"
        )
    parser = _Parser(text, where)
    found = parser.type(0)
    if not parser.at_end:
        raise parser.error()
    return found


class _Parser:
    """
    Reads tokens from left to right.
    """

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._tokens = self._split(text)
        self._pos = 0

    def _split(self, text: str) -> list[str]:
        tokens: list[str] = []
        pos, end = 0, len(text.rstrip())
        while pos < end:
            match = _TOKEN.match(text, pos)
            if match is None:
                raise self.error()
            tokens.append(match[1])
            pos = match.end()
        return tokens

    @property
    def at_end(self) -> bool:
        return self._pos == len(self._tokens)

    def error(self) -> DefinitionError:
        return DefinitionError(f"{self._where}: expected a Java type, got {self._text[:100]!r}")

    def _next(self) -> str:
        if self.at_end:
            raise self.error()
        self._pos += 1
        return self._tokens[self._pos - 1]

    def _accept(self, *tokens: str) -> bool:
        if not self.at_end and self._tokens[self._pos] in tokens:
            self._pos += 1
            return True
        return False

    def type(self, depth: int) -> JavaType:
        if depth > _MAX_DEPTH:
            raise self.error()
        if self._accept("?"):
            return self._wildcard(depth)
        name = self._next()
        if not _QUALIFIED.match(name):
            raise self.error()
        return JavaType(name, self._arguments(depth), self._dimensions())

    def _wildcard(self, depth: int) -> JavaType:
        """
        Read what follows ``?``. Only an upper bound says what a value is.
        """
        if self._accept("extends"):
            found = self.type(depth + 1)
            while self._accept("&"):
                self.type(depth + 1)
            return found
        if self._accept("super"):
            self.type(depth + 1)
        return JavaType("?")

    def _arguments(self, depth: int) -> tuple[JavaType, ...]:
        if not self._accept("<"):
            return ()
        found = [self.type(depth + 1)]
        while self._accept(","):
            found.append(self.type(depth + 1))
        if not self._accept(">"):
            raise self.error()
        return tuple(found)

    def _dimensions(self) -> int:
        count = 0
        while self._accept("[]", "..."):
            count += 1
        if count > _MAX_DIMENSIONS:
            raise self.error()
        return count
