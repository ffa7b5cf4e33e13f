"""
Requests of one connection: what is kept of earlier ones changes nothing about later ones.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.errors import CallError
from rpcfw.spi.served import Served
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_dubbo.request_decoder import RequestDecoder
from rpcfw_hessian import Schema, dumps
from rpcfw_hessian.text import encode_string
from tests.plugins.dubbo.pair import unary

SAY = unary("demo.Hello/say", Any)
OTHER = unary("demo.Hello/other", Any)


def decoder(*methods: Any, methods_by_path: Any = None) -> RequestDecoder:
    made = RequestDecoder(ParameterTable(Schema), max_header_bytes=4096)
    made.serve(Served(methods_by_path or {each.path: each for each in methods}))
    return made


def body(argument: Any, attachments: Any = None, name: str = "say") -> bytes:
    """
    Return the body of a request.
    """
    strings = ("2.0.2", "demo.Hello", "", name, "Ljava/lang/Object;")
    head = b"".join(map(encode_string, strings))
    given = argument if isinstance(argument, bytes) else dumps(argument)
    tail = attachments if isinstance(attachments, bytes) else dumps(attachments or {})
    return head + given + tail


def test_the_same_request_again():
    """
    It is read as the first time, with a message of its own.
    """
    requests = decoder(SAY)
    data = body([1, 2], {"timeout": "500", "trace": "t"})
    first, second = (requests.decode(data, one_way=False) for _ in range(2))

    assert first.body.value == second.body.value == [1, 2]
    assert first.body.value is not second.body.value
    for each in (first, second):
        assert ("demo.Hello/say", 0.5) == (each.head.path, each.head.timeout_s)
        assert each.head.metadata.pairs == (("trace", "t"),)


def test_other_attachments():
    """
    Each request has its own metadata and deadline, however many kinds there were before it.
    """
    requests = decoder(SAY)
    for number in [*range(20), *range(20)]:
        decoded = requests.decode(body("x", {"timeout": f"{number + 1}000"}), one_way=False)
        assert number + 1 == decoded.head.timeout_s


@pytest.mark.parametrize(
    ("sent", "caller"),
    [("shop", "shop"), ("a\nb\u202e\ud800", "a?b??"), ("a" * 1000, "a" * 255), (7, "7")],
)
def test_the_name_of_the_caller(sent, caller):
    """
    It is fit for a log, whatever is sent: an audit line has it, and must not be lost.
    """
    head = decoder(SAY).decode(body("bob", {"remote.application": sent}), one_way=False).head
    assert caller == head.caller


def test_one_way_after_two_way():
    """
    Whether a reply is expected is not kept.
    """
    requests = decoder(SAY)
    for one_way in (False, True, False):
        assert one_way is requests.decode(body("x"), one_way=one_way).head.one_way


def test_attachments_that_refer_to_an_argument():
    """
    The same bytes of attachments mean another thing if they refer to what came before them.
    """
    requests = decoder(SAY)
    referring = b"H\x04data\x51\x90Z"
    for argument in ({"a": 1}, {"b": 2}):
        decoded = requests.decode(body(argument, referring), one_way=False)
        assert argument == decoded.body.value
        assert decoded.head.metadata.pairs == ()


@pytest.mark.parametrize("descriptor", ["", "Ljava/lang/Object;I"])
def test_another_number_of_arguments(descriptor):
    """
    It is refused with the number that the method takes, before the arguments are read.
    """
    strings = ("2.0.2", "demo.Hello", "", "say", descriptor)
    data = b"".join(map(encode_string, strings)) + b"no value"

    with pytest.raises(CallError, match=r"demo\.Hello/say takes 1 arguments, got [02]"):
        decoder(SAY).decode(data, one_way=False)


def test_another_group():
    """
    A call of another group is refused with both names, also if it was served without one.
    """
    requests = decoder(SAY)
    requests.decode(body("x"), one_way=False)

    with pytest.raises(CallError, match="served here in the group '', and was called in 'blue'"):
        requests.decode(body("x", {"group": "blue"}), one_way=False)


def test_many_methods():
    """
    A connection may call more methods than are kept.
    """
    methods = [unary(f"demo.Hello/say{number}", Any) for number in range(50)]
    requests = decoder(*methods)
    for number in [*range(50), *range(50)]:
        decoded = requests.decode(body(number, name=f"say{number}"), one_way=False)
        assert (f"demo.Hello/say{number}", number) == (decoded.head.path, decoded.body.value)


def test_a_service_that_is_withdrawn_and_comes_back():
    """
    What is served now decides, not what was served before.
    """
    served = {SAY.path: SAY}
    requests = decoder(methods_by_path=served)
    assert requests.decode(body("x"), one_way=False).body.value == "x"

    del served[SAY.path]
    assert requests.decode(body("x"), one_way=False).body == b""

    served[SAY.path] = unary("demo.Hello/say", int)
    assert requests.decode(body(5), one_way=False).body.value == 5
    with pytest.raises(CallError, match="expected int, got str"):
        requests.decode(body("x"), one_way=False)


def test_a_beginning_that_is_cut():
    """
    A request that ends within its arguments is refused, the second time too.
    """
    requests = decoder(SAY)
    data = body([1, 2])
    for _ in range(2):
        requests.decode(data, one_way=False)
        for size in range(len(data)):
            with pytest.raises(CallError):
                requests.decode(data[:size], one_way=False)
