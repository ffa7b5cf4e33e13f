"""
Values inside the request of a call.
"""

from __future__ import annotations

import msgspec
import pytest

from rpcfw.spi.service import Service, method
from rpcfw.spi.service_class import offered
from rpcfw.testing.candidates import a_call
from rpcfw.values.arguments import argument_of, parse_path


class User(msgspec.Struct):
    name: str
    roles: list[str]


class Shop(Service, name="demo.Shop"):
    @method
    async def get(self, id: int, user: User) -> str: ...

    @method
    async def take(self, user: User) -> str: ...


def request(name, *values):
    types = {each.method.name: each.method.request_type for each in offered(Shop)}
    return types[name](*values)


def value(message, path):
    return argument_of(a_call(request=message), parse_path(path))


BOB = User("bob", ["admin", "buyer"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id", "7"),
        ("0", "7"),
        ("user.name", "bob"),
        ("1.name", "bob"),
        ("user.roles[1]", "buyer"),
        ("user.roles[2]", None),
        ("user", None),
        ("user.roles", None),
        ("2", None),
        ("nothing", None),
        ("id.real", None),
        ("__class__", None),
    ],
)
def test_parameters(path, expected):
    """
    Parameters are found by name and by number, and their fields by name.
    """
    assert expected == value(request("get", 7, BOB), path)


@pytest.mark.parametrize(
    ("message", "path", "expected"),
    [
        (BOB, "name", "bob"),
        (BOB, "0.name", "bob"),
        (BOB, "1.name", None),
        ({"id": True}, "id", "true"),
        ({"id": 1.5}, "id", "1.5"),
        ({"id": None}, "id", None),
        ("text", "0", "text"),
        ("text", "name", None),
        (["a", "b"], "1", "b"),
        (b"", "0", None),
        (None, "0.x", None),
    ],
)
def test_messages(message, path, expected):
    """
    If the message is the one argument, it is number 0, and its fields are found by name.
    """
    assert expected == value(message, path)


@pytest.mark.parametrize(
    "text", ["", "a b", "a.", ".a", "a[x]", "a[", "[0]", "a.b" * 20 + ".c" * 20]
)
def test_what_is_no_path(text):
    """
    What is no path is refused.
    """
    with pytest.raises(ValueError, match="path"):
        parse_path(text)
