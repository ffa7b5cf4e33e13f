"""
The console calls methods of servers that describe themselves by gRPC's server reflection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from rpcfw import Service
from rpcfw.codegen.dynamic import services_from_set
from rpcfw_grpc.services.proto_text import read_file
from rpcfw_grpc.services.reflection import ALPHA
from tests.lab.browser import Browser, console_of

COLOURS = read_file(
    "colours.proto",
    "package demo; enum Colour { RED = 0; BLUE = 1; } message Paint { int64 g = 1; }",
)
SHOP = read_file(
    "shop.proto",
    """
    package demo;
    import "colours.proto";
    message Order {
      string name = 1;
      int64 count = 2;
      demo.Colour colour = 3;
      repeated demo.Paint paints = 4;
    }
    service Shop {
      rpc Buy(Order) returns (Order);
      rpc Follow(Order) returns (stream Order);
      rpc Sum(stream Order) returns (Order);
    }
    """,
)
services = services_from_set(FileDescriptorSet(file=[COLOURS, SHOP]).SerializeToString())
WIRES = ["app.protocols=native, grpc", "client.protocols=grpc"]
SERVED = ["app.protocols=native, grpc", "server.protocols=grpc"]
BUY = {"service": "demo.Shop", "method": "Buy"}


class Shop(services["demo.Shop"]):
    """
    Sells paint.
    """

    async def buy(self, request):
        return type(request)(name=request.name, count=request.count + 1, colour=request.colour)

    async def follow(self, request):
        for number in range(request.count):
            yield type(request)(count=number)

    async def sum(self, requests):
        counts = [each.count async for each in requests]
        return services.message("demo.Order")(count=sum(counts))


class OlderReflection(Service, name=ALPHA.name("ServerReflection")):
    """
    Knows the older name only, and sends a file without what it imports.
    """

    asked: list[str]
    files = (SHOP, COLOURS)

    def __init__(self):
        self.asked = []

    @ALPHA.rpc("ServerReflection", "ServerReflectionInfo")
    async def describe(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            name = request.file_containing_symbol or request.file_by_filename
            self.asked.append(name)
            response = ALPHA.message("ServerReflectionResponse")()
            found = [one for one in self.files if name in (one.name, "demo.Shop")]
            if found:
                answer = response.file_descriptor_response.file_descriptor_proto
                answer.append(found[0].SerializeToString())
            else:
                response.error_response.error_code = 5
            yield response


@pytest.fixture
def console(lab):
    console = console_of(lab, *WIRES)
    yield console
    lab.run(console.stop())


@pytest.fixture
def browser(lab, console):
    return Browser(lab, console)


def serve(lab, browser, *others, sets=()):
    """
    Serve the shop and others by gRPC, and log in.
    """
    lab.serve(Shop(), *others, name="a", sets=[*SERVED, *sets])
    browser.log_in("operator")
    lab.advance(11)


@pytest.fixture
def reflecting(lab, browser):
    serve(lab, browser, sets=["server.builtin=grpc_reflection"])
    return browser


def test_a_form_for_a_message(reflecting):
    """
    The form has a field for each field of the message, and its values arrive.
    """
    page = reflecting.get("/call?service=demo.Shop&method=Buy").text
    fields = ("name", "count", "colour", "paints")
    assert [] == [each for each in fields if f'name="argument.{each}"' not in page]
    assert "<option>BLUE</option>" in page
    form = {"argument.name": "ann", "argument.count": "2", "argument.colour": "BLUE"}
    answer = reflecting.post("/call", **BUY, **{"as": "fields"}, **form)
    assert '{"name":"ann","count":"3","colour":"BLUE"}' in answer.text


def test_json_for_a_message(reflecting):
    """
    A message may be written as JSON, as Protobuf writes it. What does not fit is refused.
    """
    answer = reflecting.post("/call", **BUY, request='{"paints": [{"g": 1}], "count": 4}')
    assert '{"count":"5"}' in answer.text
    wrong = reflecting.post("/call", **BUY, request='{"cuont": 4}')
    assert 400 == wrong.status
    assert "the request is no demo.Order" in wrong.text
    assert "cuont" in wrong.text
    assert 400 == reflecting.post("/call", **BUY, request="[1]").status
    assert 400 == reflecting.post("/call", **BUY, request="3").status


def test_streams_of_messages(reflecting):
    """
    Which side streams is known, so nobody has to say it.
    """
    follow = {"service": "demo.Shop", "method": "Follow", "request": '{"count": 3}'}
    page = reflecting.post("/call", **follow).text
    assert 3 == page.count('<pre class="response">')
    together = {"service": "demo.Shop", "method": "Sum", "request": '[{"count": 3}, {"count": 4}]'}
    assert '{"count":"7"}' in reflecting.post("/call", **together).text


def test_an_older_server_sends_files_one_by_one(lab, browser):
    """
    A server that knows the older name only, and sends no imports unasked, is understood.
    """
    older = OlderReflection()
    serve(lab, browser, older)
    assert 'name="argument.colour"' in browser.get("/call?service=demo.Shop&method=Buy").text
    assert ["demo.Shop", "colours.proto"] == older.asked


@pytest.mark.parametrize("files", [(), (SHOP,), (COLOURS,)], ids=["none", "no import", "another"])
def test_a_server_that_describes_itself_wrongly(lab, browser, files):
    """
    Without the files of a service, its request is written as JSON.
    """
    older = OlderReflection()
    older.files = files
    serve(lab, browser, older)
    page = browser.get("/call?service=demo.Shop&method=Buy").text
    assert 'id="request"' in page
    assert 'name="argument.' not in page


def test_a_server_with_endless_files(lab, browser):
    """
    A server whose files import more and more is not asked for all of them.
    """

    class Endless(OlderReflection, name=ALPHA.name("ServerReflection")):
        @ALPHA.rpc("ServerReflection", "ServerReflectionInfo")
        async def describe(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for _ in requests:
                at = len(self.asked)
                self.asked.append("")
                response = ALPHA.message("ServerReflectionResponse")()
                file = type(SHOP)(name=f"{at}.proto", dependency=[f"{at + 1}.proto"])
                answer = response.file_descriptor_response.file_descriptor_proto
                answer.append(file.SerializeToString())
                yield response

    endless = Endless()
    serve(lab, browser, endless)
    assert 'id="request"' in browser.get("/call?service=demo.Shop&method=Buy").text
    assert 501 >= len(endless.asked)
