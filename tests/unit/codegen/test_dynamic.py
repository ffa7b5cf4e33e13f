"""
Service classes from descriptors at run time.
"""

from __future__ import annotations

import pytest
from google.protobuf import empty_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from rpcfw.codegen import dynamic
from rpcfw.codegen.dynamic import (
    services_from_descriptor,
    services_from_proto,
    services_from_set,
)
from rpcfw.errors import SetupError, Unimplemented
from rpcfw.spi.service_class import offered
from rpcfw.values.method import Shape
from tests.unit.codegen.descriptors import ORDER, SHOP, file, files


def _set(*descriptors):
    return FileDescriptorSet(file=descriptors).SerializeToString()


def _orders():
    return services_from_set(_set(file(ORDER)))


def test_a_service_class_is_made():
    """
    The class offers every method with shape, types, codec and idempotency.
    """
    methods = {one.attribute: one.method for one in offered(_orders()["order.v1.OrderService"])}
    close = methods["close"]
    assert "order.v1.OrderService/Close" == close.path
    assert ("protobuf", True, Shape.UNARY) == (close.codec, close.idempotent, close.shape)
    assert Shape.BIDI_STREAM is methods["bd_stream"].shape
    assert ["bd_stream", "client_stream", "close", "create", "server_stream"] == sorted(methods)


def test_messages_are_those_of_the_methods():
    """
    A message class asked for by name is the one that the methods take.
    """
    services = _orders()
    create = services.message("order.v1.OrderApiCreate")
    methods = {one.attribute: one.method for one in offered(services["order.v1.OrderService"])}
    assert create is methods["create"].request_type
    assert 7 == create.FromString(create(order_id=7).SerializeToString()).order_id


def test_what_is_not_overridden_is_unimplemented():
    """
    A method that the author did not write refuses with the right status.
    """
    cls = _orders()["order.v1.OrderService"]
    with pytest.raises(Unimplemented, match=r"order.v1.OrderService/create is declared"):
        cls().create(None)


def test_two_sets_do_not_meet():
    """
    Two sets with a file of the same name live in one process.
    """
    first, second = _orders(), services_from_set(_set(file(ORDER.replace("order_id", "id"))))
    assert ["order_id"] == [f.name for f in first.message("order.v1.Order").DESCRIPTOR.fields]
    assert ["id"] == [f.name for f in second.message("order.v1.Order").DESCRIPTOR.fields]


def test_files_may_come_in_any_order():
    """
    A set whose files come before what they import is read as well.
    """
    services = services_from_set(_set(*reversed(files())))
    assert {"order.v1.OrderService", "foo.Shop"} == set(services)
    assert 2 == len(services)


def test_well_known_files_need_not_be_in_the_set():
    """
    What protobuf brings along is taken from there.
    """
    without = [one for one in files() if not one.name.startswith("google/")]
    services = services_from_set(_set(*without))
    methods = {one.attribute: one.method for one in offered(services["foo.Shop"])}
    assert "google.protobuf.Empty" == methods["nothing"].response_type.DESCRIPTOR.full_name


def test_a_missing_file_is_named():
    """
    A set made without its imports is refused with the option to use.
    """
    with pytest.raises(SetupError, match=r"foo/deep/money.proto imports .*--include_imports"):
        services_from_set(_set(file(SHOP)))


def test_files_that_import_each_other_are_refused():
    """
    A circle of imports ends with an error, not with a loop.
    """
    one, other = file('name: "a" dependency: "b"'), file('name: "b" dependency: "a"')
    with pytest.raises(SetupError, match="these files import each other: a, b"):
        services_from_set(_set(one, other))


@pytest.mark.parametrize("data", [b"\xff\xff", b"\x0a\x05abc"])
def test_garbage_is_refused(data):
    """
    Bytes that are no set are a mistake in the setup, whatever they are.
    """
    with pytest.raises(SetupError, match="expected a serialized FileDescriptorSet"):
        services_from_set(data)


def test_a_set_that_contradicts_itself_is_refused():
    """
    A file that names a type which nobody has is refused by its name.
    """
    broken = file('name: "a" service { name: "S" method { name: "M" input_type: ".x.Y" } }')
    with pytest.raises(SetupError, match="a: the installed protobuf cannot take it"):
        services_from_set(_set(broken))


def test_unknown_names_are_answered_with_the_known():
    """
    A name that is not there is refused with those that are.
    """
    services = _orders()
    with pytest.raises(KeyError, match=r"no service 'order.Orders'; there is order.v1.OrderServ"):
        services["order.Orders"]
    with pytest.raises(SetupError, match=r"no message 'x.Y'"):
        services.message("x.Y")
    assert "<Services order.v1.OrderService>" == repr(services)


def test_descriptors_keep_the_classes_of_their_module():
    """
    From the descriptor of a written module come that module's own messages.
    """
    services = services_from_descriptor(empty_pb2.DESCRIPTOR)
    assert empty_pb2.Empty is services.message("google.protobuf.Empty")
    assert [] == list(services)


def test_a_service_descriptor_stands_for_its_file():
    """
    The descriptor of one service is enough.
    """
    method = offered(_orders()["order.v1.OrderService"])[0].method
    (service,) = method.request_type.DESCRIPTOR.file.services_by_name.values()
    assert ["order.v1.OrderService"] == list(services_from_descriptor(service))


def test_a_proto_file_that_is_not_there_is_named():
    """
    A wrong path is said plainly.
    """
    with pytest.raises(SetupError, match="there is no proto file"):
        services_from_proto("nowhere/order.proto")


def test_missing_protoc_comes_with_the_command(tmp_path, monkeypatch):
    """
    Without protoc the user is told what to install.
    """
    path = tmp_path / "order.proto"
    path.write_text('syntax = "proto3";')
    monkeypatch.setattr(dynamic, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"rpcfw\[codegen\].*pip install 'grpcio-tools"):
        services_from_proto(path)
