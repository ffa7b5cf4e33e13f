"""
Names of Java types.
"""

from __future__ import annotations

import pytest

from rpcfw.codegen.java.errors import DefinitionError
from rpcfw.codegen.java.types import JavaType, binary_name, parse_type


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("int", JavaType("int")),
        ("int[][]", JavaType("int", dimensions=2)),
        ("java.util.List", JavaType("java.util.List")),
        ("java.util.List<a.B[]>", JavaType("java.util.List", (JavaType("a.B", dimensions=1),))),
        ("M<K, V<T>>", JavaType("M", (JavaType("K"), JavaType("V", (JavaType("T"),))))),
        ("L<?>", JavaType("L", (JavaType("?"),))),
        ("L<? extends a.B$C>", JavaType("L", (JavaType("a.B$C"),))),
        ("L<? extends A & B>", JavaType("L", (JavaType("A"),))),
        ("L<? super a.B>", JavaType("L", (JavaType("?"),))),
        ("com.acme.Größe", JavaType("com.acme.Größe")),
    ],
)
def test_types_are_read(text, found):
    """
    Generic types, arrays and wildcards are read; a lower bound says nothing of a value.
    """
    assert found == parse_type(text, "here")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?<",
        "a..B",
        "a.B<",
        "a.B<>",
        "a.B<C>D",
        "a.B]",
        "1a",
        'a.B"); import os; ("',
        "a.B\nimport os",
        "a-b",
        "a b",
        "L<" * 40 + "int" + ">" * 40,
        "int" + "[]" * 40,
        "a" * 5000,
    ],
)
def test_what_is_no_type_is_refused(text):
    """
    Only Java's types are taken; the error says where it stood and what came.
    """
    with pytest.raises(DefinitionError, match="here: expected a Java type"):
        parse_type(text, "here")


@pytest.mark.parametrize(
    ("name", "binary"),
    [
        ("com.acme.Order", "com.acme.Order"),
        ("com.acme.Order.Line.Part", "com.acme.Order$Line$Part"),
        ("com.acme.Order$Line", "com.acme.Order$Line"),
        ("com.acme.order", "com.acme.order"),
        ("Order", "Order"),
        ("int", "int"),
    ],
)
def test_nested_classes_have_a_dollar_on_the_wire(name, binary):
    """
    What follows the first part with a capital letter is nested in it.
    """
    assert binary == binary_name(name)
