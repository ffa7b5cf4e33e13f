"""
Server reflection, as a tool without any proto file uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.service import Service
from rpcfw.spi.service_class import service_class
from rpcfw.status import Status
from rpcfw.testing.contracts.builtin import BuiltinServiceContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.method import Method, Shape
from rpcfw_grpc.services.reflection import (
    ALPHA,
    V1,
    GRPCReflection,
    ReflectionService,
    ReflectionServiceAlpha,
)
from rpcfw_grpc.services.schema import Schema
from tests.plugins.grpc_services.case import Plain, ServicesCase

SHOP = Schema(
    "shop/shop.proto",
    """
    package shop;
    import "google/protobuf/timestamp.proto";
    message Order {
      message Line { string sku = 1; }
      enum State { OPEN = 0; PAID = 1; }
      repeated Line line = 1;
      State state = 2;
      google.protobuf.Timestamp at = 3;
      oneof buyer { string name = 4; int64 number = 5; }
    }
    service Orders { rpc Put(Order) returns (Order); }
    """,
)


class Orders(Service, name="shop.Orders"):
    @SHOP.rpc("Orders", "Put")
    async def put(self, order: Any) -> Any:
        return order


def extended_service() -> type[Service]:
    """
    Return a service whose request has two extensions, one in a file that imports it.
    """
    pool = DescriptorPool()
    file = FileDescriptorProto(name="old/old.proto", package="old", syntax="proto2")
    message = file.message_type.add(name="Thing")
    message.extension_range.add(start=100, end=200)
    file.extension.add(name="colour", extendee=".old.Thing", number=100, type=9, label=1)
    service = file.service.add(name="Things")
    service.method.add(name="Get", input_type=".old.Thing", output_type=".old.Thing")
    pool.AddSerializedFile(file.SerializeToString())
    beside = FileDescriptorProto(name="old/beside.proto", package="old", syntax="proto2")
    beside.dependency.append("old/old.proto")
    holder = beside.message_type.add(name="Holder")
    holder.extension.add(name="size", extendee=".old.Thing", number=150, type=5, label=1)
    pool.AddSerializedFile(beside.SerializeToString())
    thing = message_factory.GetMessageClass(pool.FindMessageTypeByName("old.Thing"))
    get = Method("old.Things", "Get", Shape.UNARY, thing, thing, "protobuf")
    return service_class("old.Things", {"get": get})


class TestContract(BuiltinServiceContract):
    def make(self):
        return GRPCReflection(NoOptions(), plugin_context())


class ReflectionTest(ServicesCase):
    schema = V1
    service: type[Service] = ReflectionService

    def services(self) -> tuple[Service, ...]:
        return (Plain(), Orders(), extended_service()())

    def ask(self, *requests: dict[str, Any]) -> Sequence[Any]:
        """
        Return the answers to some requests of one stream.
        """
        request_type = self.schema.message("ServerReflectionRequest")
        messages = [request_type(**request) for request in requests]
        stream = self.stream(self.service, "ServerReflectionInfo", messages)

        async def collect() -> list[Any]:
            return [answer async for answer in stream]

        answers: list[Any] = self.run_to_end(collect())
        assert messages == [answer.original_request for answer in answers]
        return answers

    def files(self, answer: Any) -> list[str]:
        found = answer.file_descriptor_response.file_descriptor_proto
        return [FileDescriptorProto.FromString(data).name for data in found]

    def error(self, **request: Any) -> tuple[Status, str]:
        (answer,) = self.ask(request)
        assert "error_response" == answer.WhichOneof("message_response")
        return Status(answer.error_response.error_code), answer.error_response.error_message

    def test_every_service_is_listed(self) -> None:
        """
        The list has the user's services and the standard ones, sorted.
        """
        (answer,) = self.ask({"list_services": "*", "host": "here"})

        assert "here" == answer.valid_host
        assert [
            "demo.Plain",
            "grpc.channelz.v1.Channelz",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
            "old.Things",
            "shop.Orders",
        ] == [each.name for each in answer.list_services_response.service]

    def test_a_client_can_be_built_from_the_answers(self) -> None:
        """
        What a file's answer holds fills an empty pool, imports first or last.
        """
        (answer,) = self.ask({"file_containing_symbol": "shop.Orders"})
        assert ["shop/shop.proto", "google/protobuf/timestamp.proto"] == self.files(answer)

        pool = DescriptorPool()
        for each in reversed(answer.file_descriptor_response.file_descriptor_proto):
            pool.AddSerializedFile(each)
        put = pool.FindServiceByName("shop.Orders").methods_by_name["Put"]
        assert "shop.Order" == put.input_type.full_name

    def test_a_file_is_found_by_whatever_stands_in_it(self) -> None:
        """
        Messages, fields, oneofs, enums and their values, services and methods lead to it.
        """
        symbols = ("Order", "Order.Line", "Order.Line.sku", "Order.buyer", "Order.State")
        symbols += ("Order.PAID", "Orders", "Orders.Put")
        answers = self.ask(*({"file_containing_symbol": f"shop.{name}"} for name in symbols))

        assert {"shop/shop.proto"} == {self.files(answer)[0] for answer in answers}

    def test_imports_are_sent_once_a_stream(self) -> None:
        """
        A file that this caller has is sent again only if it asks for that one.
        """
        by_name = {"file_by_filename": "shop/shop.proto"}
        answers = self.ask(
            by_name, by_name, {"file_by_filename": "google/protobuf/timestamp.proto"}
        )

        assert [
            ["shop/shop.proto", "google/protobuf/timestamp.proto"],
            ["shop/shop.proto"],
            ["google/protobuf/timestamp.proto"],
        ] == [self.files(answer) for answer in answers]

    def test_extensions(self) -> None:
        """
        Extensions are found by number, and their numbers by message.
        """
        asked = {"containing_type": "old.Thing", "extension_number": 100}
        answers = self.ask(
            {"file_containing_extension": asked}, {"all_extension_numbers_of_type": "old.Thing"}
        )

        assert ["old/old.proto"] == self.files(answers[0])
        assert [100, 150] == list(answers[1].all_extension_numbers_response.extension_number)
        assert "old.Thing" == answers[1].all_extension_numbers_response.base_type_name
        asked["extension_number"] = 101
        assert Status.NOT_FOUND is self.error(file_containing_extension=asked)[0]
        for name in ("old.None", "old.Things"):
            assert Status.NOT_FOUND is self.error(all_extension_numbers_of_type=name)[0]

    def test_extensions_that_nothing_imports(self) -> None:
        """
        A field that the messages may have is found, though no service needs its file.
        """
        asked = {"containing_type": "old.Thing", "extension_number": 150}
        (by_number,) = self.ask({"file_containing_extension": asked})
        (by_name,) = self.ask({"file_containing_symbol": "old.Holder.size"})

        assert ["old/beside.proto", "old/old.proto"] == self.files(by_number)
        assert self.files(by_number) == self.files(by_name)

    def test_a_message_without_extensions(self) -> None:
        """
        A message that nothing extends has no numbers, which is no error.
        """
        (answer,) = self.ask({"all_extension_numbers_of_type": "shop.Order.Line"})

        assert "shop.Order.Line" == answer.all_extension_numbers_response.base_type_name
        assert [] == list(answer.all_extension_numbers_response.extension_number)

    def test_a_plain_service_has_no_file(self) -> None:
        """
        A service in plain Python is listed; its file is NOT_FOUND, with the reason.
        """
        for symbol in ("demo.Plain", "demo.Plain.say"):
            status, message = self.error(file_containing_symbol=symbol)
            assert Status.NOT_FOUND is status
            assert "plain Python" in message

    def test_what_nobody_serves_is_not_shown(self) -> None:
        """
        A file that the process knows and no service needs is not found.
        """
        assert Status.NOT_FOUND is self.error(file_by_filename="google/protobuf/any_test.proto")[0]
        assert Status.NOT_FOUND is self.error(file_containing_symbol="google.protobuf.Struct")[0]

    def test_an_empty_question_is_invalid(self) -> None:
        """
        A request that asks for nothing is told so, and the stream goes on.
        """
        empty, listed = self.ask({}, {"list_services": ""})

        assert int(Status.INVALID_ARGUMENT) == empty.error_response.error_code
        assert listed.list_services_response.service

    def test_the_standard_services_are_described(self) -> None:
        """
        Tools can call health, channelz and reflection itself without any file.
        """
        names = ("grpc.health.v1.Health", "grpc.channelz.v1.Channelz", self.service.service_name)
        answers = self.ask(*({"file_containing_symbol": name} for name in names))

        assert 3 == len([answer for answer in answers if self.files(answer)])

    def test_a_service_that_comes_later_is_known(self) -> None:
        """
        What is added to a running server is described from then on.
        """
        go = Method("later.Plain", "Go", Shape.UNARY, bytes, bytes, codec="raw")
        later = service_class("later.Plain", {"go": go})
        self.provider.server.methods.add(later())
        (answer,) = self.ask({"list_services": ""})

        assert "later.Plain" in [each.name for each in answer.list_services_response.service]


class AlphaReflectionTest(ReflectionTest):
    """
    The same under the name that many tools ask first.
    """

    schema = ALPHA
    service = ReflectionServiceAlpha
