"""
Names of a proto file as names of Python.
"""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.codegen.names import (
    attributes,
    identifier,
    is_unwritable,
    messages_module,
    services_module,
    snake_case,
)
from rpcfw.spi.service import Service


@pytest.mark.parametrize(
    ("proto", "python"),
    [
        ("Create", "create"),
        ("BdStream", "bd_stream"),
        ("GetHTTPPage", "get_http_page"),
        ("GetV2Page", "get_v2_page"),
        ("already_snake", "already_snake"),
        ("HTTP2Server", "http2_server"),
    ],
)
def test_names_become_snake_case(proto, python):
    """
    A proto name in CamelCase is a Python name in snake_case.
    """
    assert python == snake_case(proto)


@pytest.mark.parametrize(
    ("proto", "attribute"),
    [
        ("Import", "import_"),
        ("Async", "async_"),
        ("None", "none"),
        ("Started", "started_"),
        ("Leaving", "leaving_"),
        ("stopped", "stopped_"),
        ("Method", "method_"),
        ("Str", "str_"),
        ("OrderPb2", "order_pb2_"),
        ("__init__", "init__"),
        ("_", "method_"),
        ("_2D", "method_2_d"),
    ],
)
def test_names_that_cannot_be_used_are_changed(proto, attribute):
    """
    Keywords, members of Service and private names never become methods.
    """
    assert {proto: attribute} == attributes([proto])


def test_methods_that_meet_are_numbered():
    """
    Two methods of one Python name both stay callable.
    """
    expected = {"GetX": "get_x", "get_x": "get_x_2", "getX": "get_x_3"}
    assert expected == attributes(["GetX", "get_x", "getX"])


@given(
    st.lists(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True), unique=True, max_size=12
    )
)
def test_every_method_gets_a_name_of_its_own(names):
    """
    Whatever a proto file calls its methods, each is a distinct, usable attribute.
    """
    found = attributes(names)
    assert list(found) == names
    assert len(names) == len(set(found.values()))
    for attribute in found.values():
        assert attribute.isidentifier()
        assert not keyword.iskeyword(attribute)
        assert not hasattr(Service, attribute)


@pytest.mark.parametrize(
    ("proto", "module"),
    [
        ("order.proto", "order"),
        ("foo/bar.proto", "foo.bar"),
        ("odd-dir/my-file.proto", "odd_dir.my_file"),
        ("a.b.proto", "a.b"),
    ],
)
def test_modules_are_named_as_protoc_names_them(proto, module):
    """
    The services stand beside the messages that protoc writes.
    """
    assert f"{module}_pb2" == messages_module(proto)
    assert f"{module}_rpc" == services_module(proto)


@pytest.mark.parametrize("name", ["foo.class.bar_pb2", "2fa_pb2", "v1.2.a_pb2", "foo.a b_pb2"])
def test_names_that_cannot_be_written(name):
    """
    A module is known as unwritable if any part of its name is no identifier.
    """
    assert is_unwritable(name)
    assert not is_unwritable("foo.classes.bar_pb2")


@pytest.mark.parametrize(
    ("module", "name"),
    [("order_pb2", "order_pb2"), ("2fa_pb2", "_2fa_pb2"), ("a b_pb2", "a_b_pb2"), ("v1.2", "v1_2")],
)
def test_modules_get_names_in_the_text(module, name):
    """
    A module of any name is called by an identifier.
    """
    assert name == identifier(module)
