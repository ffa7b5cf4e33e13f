"""
Targets, options and credentials, as settings.
"""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import grpc
import pytest

from rpcfw.app.plan import read_plan
from rpcfw.errors import ContractError, SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw_grpc import adapters
from rpcfw_grpc.adapters.channel_options import ChannelOptions
from rpcfw_grpc.adapters.credentials import tls_settings
from rpcfw_grpc.adapters.settings import INSECURE, settings
from rpcfw_grpc.adapters.targets import addresses

TARGET = "10.0.0.5:50051"


def plan_for(target=TARGET, credentials=INSECURE, options=(), compression=None, sets=()):
    """
    Return the plan of the application behind a channel.
    """
    with settings(target, credentials, options, compression, sets) as given:
        return read_plan(Sources.load(sets=given))


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("greeter.internal:50051", ["tcp:greeter.internal:50051"]),
        ("10.0.0.5:1", ["tcp:10.0.0.5:1"]),
        ("[::1]:1", ["tcp:[::1]:1"]),
        ("dns:greeter.internal:1", ["tcp:greeter.internal:1"]),
        ("dns:///greeter.internal:1", ["tcp:greeter.internal:1"]),
        ("ipv4:10.0.0.5:1,10.0.0.6:2", ["tcp:10.0.0.5:1", "tcp:10.0.0.6:2"]),
        ("ipv6:[::1]:1,[::2]:2", ["tcp:[::1]:1", "tcp:[::2]:2"]),
        ("unix:/run/app.sock", ["unix:/run/app.sock"]),
        ("unix:///run/app.sock", ["unix:/run/app.sock"]),
    ],
)
def test_targets(target, found):
    """
    Each form names addresses, and a registry is told of them.
    """
    assert found == [str(each) for each in addresses(target, secure=False)]
    assert "static" == plan_for(target).registry.name


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("greeter.internal", "expected host:port"),
        ("greeter.internal:", "expected host:port"),
        ("greeter.internal:0", "port 0"),
        ("::1:5", "expected host:port"),
        ("dns://8.8.8.8/greeter.internal:1", "the system that looks names up"),
        ("ipv4:greeter.internal:1", "no address of ipv4"),
        ("ipv4:10.0.0.5", "expected host:port"),
        ("ipv6:10.0.0.5:1", "no address of ipv6"),
        ("xds:///greeter", "expected host:port"),
        ("https://greeter.internal:443", "expected host:port"),
        ("unix-abstract:name", "expected host:port"),
        ("unix:", "expected host:port"),
        ("unix:/run/a b", "expected host:port"),
        ("a:1, b:2", "expected host:port"),
        ("a:1 weight=0", "expected host:port"),
        ("", "expected host:port"),
        (None, "is text"),
    ],
)
def test_what_is_no_target(target: Any, said):
    """
    Anything else is refused, with what was expected.
    """
    with pytest.raises(ContractError, match=said):
        addresses(target, secure=False)


def test_tls_over_a_socket():
    """
    A Unix socket has no TLS; all else is reached by it on a secure channel.
    """
    with pytest.raises(ContractError, match="insecure_channel"):
        addresses("unix:/run/app.sock", secure=True)
    assert ["tls:a:1"] == [str(each) for each in addresses("a:1", secure=True)]


def test_options():
    """
    Options with an equivalent are what they say, the later of two; the caller's own win.
    """
    options = (
        ("grpc.max_receive_message_length", 1),
        ("grpc.max_receive_message_length", 1 << 24),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", 4096),
        ("grpc.keepalive_time_ms", 2**31 - 1),
        ("grpc.keepalive_timeout_ms", 1500),
        ("grpc.client_idle_timeout_ms", 2**31 - 1),
        ("grpc.initial_reconnect_backoff_ms", 500),
        ("grpc.enable_retries", 0),
        ("grpc.primary_user_agent", "shop"),
        ("grpc.ssl_target_name_override", "greeter"),
        ("grpc.http2.lookahead_bytes", 1),
    )
    plan = plan_for(options=options, sets=["client.timeout=7s", "limits.max_header_bytes=5KiB"])
    limits, link = plan.limits, plan.link
    assert (1 << 24, 2**31 - 1) == (limits.max_receive_bytes, limits.max_send_bytes)
    assert 5120 == limits.max_header_bytes
    assert (0, 1.5, None, 0.5) == (
        link.keepalive,
        link.keepalive_timeout,
        link.idle_timeout,
        link.initial_backoff,
    )
    assert ("shop", "greeter") == (plan.app.name, plan.tls.server_name)
    assert ("never", 7) == (plan.clients[""].retry.name, plan.clients[""].options.timeout)


def test_compression():
    """
    The compression of a channel is grpcio's own word for it.
    """
    for given, name in ((grpc.Compression.Gzip, "gzip"), (grpc.Compression.Deflate, "deflate")):
        assert name == plan_for(compression=given).client("").options.compression
    by_option = [("grpc.default_compression_algorithm", 2)]
    assert "gzip" == plan_for(options=by_option).client("").options.compression
    with pytest.raises(ContractError, match=r"a grpc\.Compression"):
        plan_for(compression="gzip")


def test_turns():
    """
    With round_robin all addresses of a name are called in turn, however it is asked for.
    """
    config = json.dumps({"loadBalancingConfig": [{"xds": {}}, {"round_robin": {}}]})
    for option in (("grpc.lb_policy_name", "round_robin"), ("grpc.service_config", config)):
        plan = plan_for("greeter.internal:1", options=[option])
        assert ("dns", "round_robin") == (plan.registry.name, plan.clients[""].balancer.name)
    plan = plan_for("10.0.0.5:1", options=[("grpc.lb_policy_name", "round_robin")])
    assert "static" == plan.registry.name
    option = ("grpc.lb_policy_name", "pick_first")
    assert "static" == plan_for("greeter.internal:1", options=[option]).registry.name


def test_a_service_config():
    """
    It is read as gRPC's; without retries, its own are dropped too; its mistakes are told.
    """
    policy = {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["ABORTED"],
    }
    config = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})

    def found(*options):
        return plan_for(options=options).clients[""].config.of("any.Service", "Any")

    asked = ("grpc.service_config", config)
    assert found(asked).retrying is not None
    for options in ((asked, ("grpc.enable_retries", 0)), (("grpc.enable_retries", False), asked)):
        assert found(*options).retrying is None
    for text in ("{", "[]", '{"methodConfig": 7}', '{"loadBalancingConfig": [{}]}'):
        if text.startswith('{"load'):
            assert plan_for(options=[("grpc.service_config", text)])
            continue
        with pytest.raises(SettingsError, match="service_config"):
            plan_for(options=[("grpc.service_config", text)])


@pytest.mark.parametrize(
    "options", [7, [7], [("grpc.keepalive_time_ms", "1s")], [(7, 7)], [("grpc.service_config", 7)]]
)
def test_what_is_no_option(options):
    """
    An option of the wrong kind is told by its name.
    """
    with pytest.raises(ContractError, match=r"option"):
        ChannelOptions(options)


def test_credentials(tmp_path, monkeypatch):
    """
    Ours are of files, wherever the program goes later.
    """
    monkeypatch.chdir(tmp_path)
    made = adapters.ssl_channel_credentials("ca.pem", Path("key.pem"), tmp_path / "chain.pem")
    assert [
        f"tls.ca={tmp_path}/ca.pem",
        f"tls.key={tmp_path}/key.pem",
        f"tls.certificate={tmp_path}/chain.pem",
    ] == tls_settings(made)
    with pytest.raises(SettingsError, match=rf"{tmp_path}/chain\.pem cannot be read"):
        plan_for("a:1", made)
    assert [] == tls_settings(adapters.ssl_channel_credentials())


def test_what_are_no_credentials():
    """
    What cannot be read is refused with what to pass, and nothing of a key is shown.
    """
    with pytest.raises(TypeError, match=r"grpc\.ChannelCredentials cannot be read; pass .* paths"):
        adapters.secure_channel("a:1", grpc.ssl_channel_credentials())  # type: ignore[arg-type]
    pem = "-----BEGIN PRIVATE KEY-----\nsecret"
    for given in (pem, pem.encode()):
        with pytest.raises(TypeError, match="path of a PEM file") as refused:
            adapters.ssl_channel_credentials(given)  # type: ignore[arg-type]
        assert "secret" not in str(refused.value)
    with pytest.raises(TypeError, match="certificate_chain"):
        adapters.ssl_channel_credentials(private_key="key.pem")


def test_where_no_loop_runs():
    """
    A channel for asyncio says where it is made.
    """
    with pytest.raises(ContractError, match=r"asyncio\.run"):
        adapters.aio.insecure_channel(TARGET)


def test_words_of_grpcio():
    """
    What programs name of grpcio beside channels is at hand, and no more of it.
    """
    assert grpc.RpcError is adapters.RpcError
    assert grpc.aio.AioRpcError is adapters.aio.AioRpcError
    for module in (adapters, adapters.aio):
        assert all(hasattr(module, word) for word in vars(module)["_WORDS"])
        with pytest.raises(AttributeError, match="server"):
            _ = module.server


def test_calls_have_no_limit_unless_one_is_set():
    """
    As grpcio has it; a setting of the caller's is over that.
    """
    options = plan_for().client("").options
    assert (inf, inf) == (options.timeout, options.stream_timeout)
    assert 2.0 == plan_for(sets=["client.timeout=2s"]).client("").options.timeout
