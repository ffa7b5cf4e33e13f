"""
What generated modules say of methods.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import ContractError
from rpcfw_grpc.adapters.generated import called_method
from tests.plugins.grpc_adapters.echo import generated

PATH = "/adapted.Echo/Say"


def test_all_stubs_have_the_same_method():
    """
    Ever new stubs take no memory in a client, which keeps something for each method.
    """
    messages, _ = generated()
    serializer, deserializer = messages.Ask.SerializeToString, messages.Told.FromString
    found = {called_method(PATH, "unary_unary", serializer, deserializer) for _ in range(10)}

    (method,) = found
    assert "adapted.Echo/Say" == method.path


def test_a_method_of_another_shape():
    """
    The shape is checked each time, also if the method is known.
    """
    generated()
    called_method(PATH, "unary_unary", None, None)
    for _ in range(2):
        with pytest.raises(ContractError, match=r"is not bidi-stream in its _pb2 module"):
            called_method(PATH, "stream_stream", None, None)
