"""
The service of the Java interface ``demo.Greeter``, whose messages are Protobuf's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf.wrappers_pb2 import StringValue

import rpcfw
from rpcfw.values.method import Shape

#: The messages of each method.
MESSAGES = {"request_type": StringValue, "response_type": StringValue, "codec": "protobuf"}


class Greeter(rpcfw.Service, name="demo.Greeter"):
    """
    One method of each kind that Dubbo has.
    """

    @rpcfw.method(shape=Shape.UNARY, **MESSAGES)
    async def greet(self, name: StringValue, /) -> StringValue:
        return StringValue(value=f"hi {name.value}")

    @rpcfw.method(shape=Shape.SERVER_STREAM, **MESSAGES)
    async def count(self, up_to: StringValue, /) -> AsyncIterator[StringValue]:
        for number in range(1, int(up_to.value) + 1):
            yield StringValue(value=str(number))

    @rpcfw.method(shape=Shape.BIDI_STREAM, **MESSAGES)
    async def chat(self, said: AsyncIterator[StringValue], /) -> AsyncIterator[StringValue]:
        async for each in said:
            yield StringValue(value=f"re: {each.value}")
