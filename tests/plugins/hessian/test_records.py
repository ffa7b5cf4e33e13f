"""
Instances that are written as maps with the name of their class.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from rpcfw_hessian import HessianError, Int, dumps, java, loads


@java("com.acme.Line")
class Line(msgspec.Struct):
    article: str


@java("com.acme.Shape")
@dataclass
class Shape:
    name: str = ""


@java("com.acme.Circle")
@dataclass
class Circle(Shape):
    radius: Int = 0


@java("com.acme.Drawing")
@dataclass
class Drawing:
    shape: Shape
    line: Line | None = None


@pytest.mark.parametrize(
    ("java_class", "expected"),
    [
        ("com.acme.Circle", Circle("c", 7)),
        ("com.acme.Shape", Shape("c")),
        ("com.acme.NobodyKnowsThis", Shape("c")),
    ],
)
def test_a_map_with_the_name_of_a_class(java_class, expected):
    """
    It is an instance of that class, which may be a subclass, as for objects.
    """
    fields = dumps("name") + dumps("c") + dumps("radius") + dumps(7)
    shape = b"M" + dumps(java_class) + fields + b"Z"
    drawing = b"M" + dumps("com.acme.Drawing") + dumps("shape") + shape + b"Z"

    assert expected == loads(drawing, Drawing).shape


def test_a_map_with_the_name_of_another_class():
    """
    It is an error, as for objects.
    """
    line = b"M" + dumps("com.acme.Line") + dumps("article") + dumps("tea") + b"Z"

    with pytest.raises(HessianError, match="expected Shape, got Line"):
        loads(b"H" + dumps("shape") + line + b"Z", Drawing)
