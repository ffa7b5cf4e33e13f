"""
The messages around arguments and results: exact bytes, and bytes that are made to do harm.
"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw_triple.class_names import class_name_of, java_type_of
from rpcfw_triple.wrappers import read_request, read_response, write_request, write_response

NAME = b"\x0a\x08hessian4"


def test_a_request():
    """
    A request has the serialization, each argument, and each type, as Protobuf writes them.
    """
    body = NAME + b"\x12\x04\x03bob\x12\x01\x97\x1a\x10java.lang.String\x1a\x03int"
    request = read_request(body)

    assert body == write_request(request.types, request.arguments)
    assert (b"\x03bob", b"\x97") == request.arguments
    assert ("java.lang.String", "int") == request.types


def test_a_response():
    """
    A response has the serialization, the result and its type; 300 bytes have a length of two.
    """
    body = NAME + b"\x12\xac\x02" + bytes(300) + b"\x1a\x06[B\x00\x00\x00\x00"

    assert body == write_response(bytes(300), "[B\0\0\0\0")
    assert bytes(300) == read_response(body).data


def test_unknown_fields():
    """
    Fields that a later version adds are skipped, whatever their wire type.
    """
    added = b"\x20\xff\x01" + b"\x29" + bytes(8) + b"\x32\x01x" + b"\x3d" + bytes(4)

    assert b"N" == read_response(added + NAME + b"\x12\x01N" + added).data


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b"", "serialization", id="nothing"),
        pytest.param(b"\x0a\x09fastjson2\x12\x01N", "'fastjson2'", id="another serialization"),
        pytest.param(NAME, "no data", id="no data"),
        pytest.param(NAME + b"\x12\xff\xff\xff\xff\x0f", "4294967295 bytes", id="a long field"),
        pytest.param(NAME + b"\x12" + b"\xff" * 11, "does not end", id="an endless number"),
        pytest.param(NAME + b"\x12", "does not end", id="half a field"),
        pytest.param(NAME + b"\x0b", "wire type 3", id="a group"),
        pytest.param(NAME + b"\x12\x00" * (1 << 20), "fields", id="a million fields"),
        pytest.param(NAME + b"\x20\x00" * (1 << 20), "fields", id="a million unknown fields"),
    ],
)
def test_hostile_responses(body, text):
    """
    What is no response is refused with a reason, and takes no memory beyond its own.
    """
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=text):
            read_response(body)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(NAME + b"\x12\x01N", "1 arguments came with 0 Java types", id="no type"),
        pytest.param(NAME + b"\x12\x01N\x1a\x01x" * 256, "at most 255", id="many arguments"),
        pytest.param(NAME + b"\x12\x01N\x1a\x01\xff", "utf-8", id="a type that is no text"),
    ],
)
def test_hostile_requests(body, text):
    """
    Arguments and types must fit each other, and be as many as a Java method may have.
    """
    with pytest.raises(ValueError, match=text):
        read_request(body)


@given(st.binary(max_size=200))
def test_any_bytes(body):
    """
    Whatever the bytes are, the only error is a ValueError.
    """
    for read in (read_request, read_response):
        try:
            read(NAME + body)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("java_type", "class_name"),
    [
        ("int", "int"),
        ("java.lang.String", "java.lang.String"),
        ("byte[]", "[B"),
        ("int[][]", "[[I"),
        ("com.acme.Order[]", "[Lcom.acme.Order;"),
    ],
)
def test_class_names(java_type, class_name):
    """
    Classes of arrays have the names that ``Class.getName`` gives them.
    """
    assert class_name == class_name_of(java_type)
    assert java_type == java_type_of(class_name)


@pytest.mark.parametrize("class_name", ["[", "[X", "[BB", "[Lcom.acme.Order"])
def test_class_names_of_nothing(class_name):
    """
    A name that begins as an array's and is none is refused.
    """
    with pytest.raises(ValueError, match="no "):
        java_type_of(class_name)
