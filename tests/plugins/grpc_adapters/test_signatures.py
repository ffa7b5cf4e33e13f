"""
Nothing that grpcio's functions take is swallowed: it works, or is refused by its name.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import grpc
import grpc.aio
import pytest

from rpcfw.errors import ContractError
from rpcfw_grpc import adapters
from rpcfw_grpc.adapters import AioChannel, BlockingChannel, Servicers, aio_stubs, blocking_stubs
from rpcfw_grpc.adapters.call_options import call_options
from rpcfw_grpc.adapters.calls import AnswerCall, StreamCall
from rpcfw_grpc.adapters.channel_options import HARMLESS, ChannelOptions
from rpcfw_grpc.adapters.context import AioContext, ThreadContext
from rpcfw_grpc.adapters.generated import called_method
from tests.house.tree import ROOT
from tests.plugins.grpc_adapters.echo import generated

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
CALLABLES = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")


def pairs():
    """
    Give each function of grpcio's beside ours.
    """
    yield grpc.insecure_channel, adapters.insecure_channel
    yield grpc.secure_channel, adapters.secure_channel
    yield grpc.ssl_channel_credentials, adapters.ssl_channel_credentials
    yield grpc.aio.insecure_channel, adapters.aio.insecure_channel
    yield grpc.aio.secure_channel, adapters.aio.secure_channel
    for kind in KINDS:
        yield getattr(grpc.Channel, kind), getattr(BlockingChannel, kind)
        yield getattr(grpc.aio.Channel, kind), getattr(AioChannel, kind)
    for name in CALLABLES:
        theirs, ours = getattr(grpc, f"{name}MultiCallable"), getattr(blocking_stubs, name)
        for each in ("__call__", "with_call", "future"):
            if hasattr(theirs, each):
                yield getattr(theirs, each), getattr(ours, each)
        theirs = getattr(grpc.aio, f"{name}MultiCallable")
        ours = "StreamCallable" if name.startswith("Stream") else "RequestCallable"
        yield theirs.__call__, getattr(aio_stubs, ours).__call__


def classes():
    """
    Give each class of grpcio's beside ours.
    """
    yield grpc.Channel, BlockingChannel
    yield grpc.aio.Channel, AioChannel
    yield grpc.ServicerContext, ThreadContext
    yield grpc.aio.ServicerContext, AioContext
    yield grpc.aio.UnaryUnaryCall, AnswerCall
    yield grpc.aio.StreamUnaryCall, AnswerCall
    yield grpc.aio.UnaryStreamCall, StreamCall
    yield grpc.aio.StreamStreamCall, StreamCall


def parameters(function):
    """
    Return the parameters of a function, without self: name, kind and whether one is needed.
    """
    found = list(inspect.signature(function).parameters.values())
    return [(one.name, one.kind, one.default is one.empty) for one in found if one.name != "self"]


@pytest.mark.parametrize(("theirs", "ours"), list(pairs()))
def test_every_parameter_is_there(theirs, ours):
    """
    By name and by place, in grpcio's order; ours may take more behind them, by name alone.
    """
    wanted, found = parameters(theirs), parameters(ours)

    assert wanted == found[: len(wanted)]
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for _, kind, _ in found[len(wanted) :])


@pytest.mark.parametrize(("theirs", "ours"), list(classes()))
def test_every_method_is_there(theirs, ours):
    """
    And takes what grpcio's takes.
    """
    for name in [one for one in dir(theirs) if not one.startswith("_")]:
        wanted = [one[0] for one in parameters(getattr(theirs, name))]
        found = parameters(getattr(ours, name))
        assert wanted == [one[0] for one in found][: len(wanted)], name
        assert not any(needed for _, _, needed in found[len(wanted) :]), name


@pytest.mark.parametrize("server", [grpc.server, grpc.aio.server])
def test_a_server_is_made_otherwise(server):
    """
    `Servicers` takes what is of servicers; the guide has a setting for all else.
    """
    guide = Path(ROOT, "docs", "from-grpcio.md").read_text("utf-8")
    taken = inspect.signature(Servicers).parameters
    missing = [one for one in inspect.signature(server).parameters if one not in taken]

    assert [] == [one for one in missing if f"`{one}`" not in guide]
    for module in (adapters, adapters.aio):
        with pytest.raises(AttributeError, match="Servicers"):
            _ = module.server


def test_credentials_of_a_call_are_refused():
    """
    They cannot be read, and their call would go without them.
    """
    credentials = grpc.access_token_call_credentials("token")
    with pytest.raises(ContractError, match="credentials="):
        call_options(None, None, credentials, None, None)


def test_metadata_of_bytes():
    """
    As in grpcio, bytes may stand for text.
    """
    given = ((b"name", b"text"), ("x-bin", b"\xff"), ("name", "text"))
    assert [("name", "text"), ("x-bin", b"\xff"), ("name", "text")] == call_options(
        None, given, None, None, None
    ).metadata


@pytest.mark.parametrize(
    ("compression", "name"),
    [
        (None, None),
        (grpc.Compression.NoCompression, "none"),
        (grpc.Compression.Gzip, "gzip"),
        (grpc.Compression.Deflate, "deflate"),
    ],
)
def test_the_compression_of_a_call(compression, name):
    """
    Each of grpcio's has a name here.
    """
    assert name == call_options(None, None, None, None, compression).compression
    with pytest.raises(ContractError, match=r"grpc\.Compression"):
        call_options(None, None, None, None, "gzip")


def test_serializers():
    """
    The generated ones are taken; others would not be used, and are refused by name.
    """
    messages, _ = generated()
    ask, told = messages.Ask.SerializeToString, messages.Told.FromString
    path = "/adapted.Echo/Say"
    assert "Say" == called_method(path, "unary_unary", ask, told).name
    assert "Say" == called_method(path, "unary_unary", None, None).name
    with pytest.raises(ContractError, match="request_serializer of /adapted"):
        called_method(path, "unary_unary", str, told)
    with pytest.raises(ContractError, match="response_deserializer of /adapted"):
        called_method(path, "unary_unary", ask, messages.Ask.FromString)


@pytest.mark.parametrize(
    "option",
    [
        ("grpc.default_authority", "shop"),
        ("grpc.http_proxy", "http://proxy:3128"),
        ("grpc.lb_policy_name", "xds_experimental"),
        ("grpc.max_concurrent_streams", 1),
    ],
)
def test_an_option_that_cannot_be_done(option):
    """
    It is refused by its name.
    """
    with pytest.raises(ContractError, match=option[0].replace(".", r"\.")):
        ChannelOptions([option])


def test_options_that_change_nothing():
    """
    Those that tune gRPC's own machinery, and those of nobody, are taken.
    """
    taken = ChannelOptions([*((name, 1) for name in HARMLESS), ("my.own", object())])
    assert [] == taken.sets
