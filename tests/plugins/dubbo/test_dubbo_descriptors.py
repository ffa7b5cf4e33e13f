"""
Java types: from annotations, in descriptors, and in the names of methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NewType
from uuid import UUID

import pytest

from rpcfw.errors import ContractError
from rpcfw_dubbo.descriptors import descriptor_of, java_types, java_types_of, parse_signature
from rpcfw_hessian import Byte, Float, Int, Long, java, java_type


@java("com.acme.Order$Line")
@dataclass
class Line:
    name: str


@java("com.acme.Color")
class Color(Enum):
    RED = 1


class Unmarked(Enum):
    ONE = 1


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (bool, "Z"),
        (int, "I"),
        (Int, "I"),
        (Long, "J"),
        (Byte, "B"),
        (float, "D"),
        (Float, "F"),
        (int | None, "Ljava/lang/Integer;"),
        (Long | None, "Ljava/lang/Long;"),
        (NewType("OrderId", Long), "J"),
        (NewType("OrderId", Long) | None, "Ljava/lang/Long;"),
        (bool | None, "Ljava/lang/Boolean;"),
        (Annotated[int, java_type("java.lang.Integer")], "Ljava/lang/Integer;"),
        (str, "Ljava/lang/String;"),
        (str | None, "Ljava/lang/String;"),
        (bytes, "[B"),
        (datetime, "Ljava/util/Date;"),
        (date, "Ljava/time/LocalDate;"),
        (timedelta, "Ljava/time/Duration;"),
        (Decimal, "Ljava/math/BigDecimal;"),
        (UUID, "Ljava/util/UUID;"),
        (list[int], "Ljava/util/List;"),
        (Sequence[int], "Ljava/util/List;"),
        (set[str], "Ljava/util/Set;"),
        (dict[str, int], "Ljava/util/Map;"),
        (Mapping[str, int], "Ljava/util/Map;"),
        (Annotated[list[str], java_type("java.lang.String[]")], "[Ljava/lang/String;"),
        (Annotated[list[list[int]], java_type("int[][]")], "[[I"),
        (Line, "Lcom/acme/Order$Line;"),
        (Color, "Lcom/acme/Color;"),
        (Any, "Ljava/lang/Object;"),
        (int | str, "Ljava/lang/Object;"),
    ],
)
def test_annotations(hint, expected):
    """
    Each annotation has the Java type of the parameter that it is for.
    """
    assert expected == descriptor_of(java_types({"value": hint}, "a method"))


@pytest.mark.parametrize("hint", [complex, Unmarked, type])
def test_annotations_without_a_java_type(hint):
    """
    The error names the parameter.
    """
    with pytest.raises(ContractError, match="a method: value has no Java type"):
        java_types({"value": hint}, "a method")


def test_descriptors_come_back():
    """
    A descriptor is read into the types that it was made of.
    """
    types = ("int", "java.lang.String", "long[][]", "com.acme.Order$Line[]", "boolean")

    assert types == java_types_of(descriptor_of(types))
    assert java_types_of("") == ()


@pytest.mark.parametrize(
    "text", ["X", "L;", "Ljava/lang/String", "[", "I;", "(I)V", "Ljava.lang.String;", "I" * 256]
)
def test_no_descriptors(text):
    """
    Anything else is refused.
    """
    with pytest.raises(ValueError, match="no descriptor"):
        java_types_of(text)


def test_signatures():
    """
    Java types may be in the name of a method.
    """
    assert parse_signature("say") == ("say", None)
    assert parse_signature("say()") == ("say", ())
    assert parse_signature("say(int,java.util.List)") == ("say", ("int", "java.util.List"))
