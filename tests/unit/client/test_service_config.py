"""
gRPC's service config, as its owners write it and as they get it wrong.
"""

from __future__ import annotations

import json

import pytest

from rpcfw.client.service_config import read_service_config
from rpcfw.errors import SettingsError
from rpcfw.status import Status
from rpcfw.values.backoff import Backoff
from rpcfw.values.service_config import Hedging, MethodConfig, Retrying, Throttling

RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "aborted", 8],
}


def read(**top):
    return read_service_config(json.dumps(top).encode())


def mistakes(**top) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(**top)
    return list(refused.value.mistakes)


def method(**fields):
    return {"methodConfig": [{"name": [{"service": "a.B"}], **fields}]}


def test_everything_that_counts():
    """
    Limits, policies and throttling are taken as they are written.
    """
    config = read(
        methodConfig=[
            {
                "name": [{"service": "a.B", "method": "C"}, {"service": "a.D"}],
                "timeout": "1.5s",
                "waitForReady": True,
                "retryPolicy": RETRY,
            },
            {
                "name": [{}],
                "hedgingPolicy": {
                    "maxAttempts": 3,
                    "hedgingDelay": "0.05s",
                    "nonFatalStatusCodes": ["INTERNAL"],
                },
            },
        ],
        retryThrottling={"maxTokens": 10, "tokenRatio": 0.1239},
    )

    statuses = frozenset((Status.UNAVAILABLE, Status.ABORTED, Status.RESOURCE_EXHAUSTED))
    retrying = Retrying(4, Backoff(0.1, 2.0, 1.0, 0.2), statuses)
    assert MethodConfig(1.5, True, retrying) == config.of("a.B", "C")
    hedging = Hedging(3, 0.05, frozenset((Status.INTERNAL,)))
    assert MethodConfig(hedging=hedging) == config.of("a.B", "X")
    assert Throttling(10.0, 0.123) == config.throttling


def test_the_most_specific_name_counts():
    """
    A method's own entry goes before its service's, and that before the one for all.
    """
    config = read(
        methodConfig=[
            {"name": [{}], "timeout": "1s"},
            {"name": [{"service": "a.B"}], "timeout": "2s"},
            {"name": [{"service": "a.B", "method": "C"}], "timeout": "3s"},
        ]
    )

    asked = [("a.B", "C"), ("a.B", "D"), ("x.Y", "C")]
    assert [3.0, 2.0, 1.0] == [config.of(*name).timeout_s for name in asked]
    assert MethodConfig() == read().of("a.B", "C")


def test_more_attempts_than_five_are_five():
    """
    gRPC's upper bound of attempts is ours.
    """
    config = read(**method(retryPolicy={**RETRY, "maxAttempts": 50}))

    assert 5 == config.of("a.B", "C").retrying.max_attempts


def test_what_is_done_elsewhere_is_named():
    """
    Words that gRPC knows and that mean nothing here are told, with their places.
    """
    config = read(
        loadBalancingConfig=[{"round_robin": {}}],
        methodConfig=[{"name": [{}], "maxRequestMessageBytes": 1}],
    )

    assert ("loadBalancingConfig", "methodConfig[0].maxRequestMessageBytes") == config.unused


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"timeout": "1.5"}, 'timeout: expected seconds as text, as "1.5s", got 1.5'),
        ({"timeout": 3}, 'timeout: expected seconds as text, as "1.5s", got 3'),
        ({"waitForReady": "yes"}, "waitForReady: expected true or false, got yes"),
        ({"timout": "1s"}, "timout: not known here; did you mean 'timeout'?"),
        ({"name": {}}, "name: expected a list in brackets, got {}"),
        ({"retryPolicy": 1}, "retryPolicy: expected an object in braces, got 1"),
        (
            {"retryPolicy": {**RETRY, "maxAttempts": 1}},
            "retryPolicy.maxAttempts: expected a whole number of 2 or more, got 1",
        ),
        (
            {"retryPolicy": {**RETRY, "maxAttempts": True}},
            "retryPolicy.maxAttempts: expected a whole number of 2 or more, got true",
        ),
        (
            {"retryPolicy": {**RETRY, "backoffMultiplier": 0}},
            "retryPolicy.backoffMultiplier: expected a number over 0, got 0",
        ),
        (
            {"retryPolicy": {**RETRY, "maxBackoff": "0s"}},
            "retryPolicy.maxBackoff: expected a duration over 0, got 0s",
        ),
        (
            {"retryPolicy": {**RETRY, "retryableStatusCodes": []}},
            "retryPolicy.retryableStatusCodes: expected at least one status, got none",
        ),
        (
            {"retryPolicy": {**RETRY, "retryableStatusCodes": ["ABORTED", "GONE"]}},
            'retryableStatusCodes[1]: expected a status of gRPC, as "UNAVAILABLE", got GONE',
        ),
        (
            {"hedgingPolicy": {"maxAttempts": 2}, "retryPolicy": RETRY},
            "methodConfig[0]: retryPolicy and hedgingPolicy exclude each other",
        ),
        ({"hedgingPolicy": {}}, "hedgingPolicy.maxAttempts: must be given"),
    ],
)
def test_mistakes_in_a_method(fields, expected):
    """
    A mistake is told with its path in the JSON, what was expected and what came.
    """
    (told,) = mistakes(**method(**fields))

    assert told.startswith("methodConfig[0]")
    assert expected in told


def test_every_mistake_is_told_at_once():
    """
    One reading finds all that is wrong.
    """
    told = mistakes(
        methodConfig=[
            {"name": [{"method": "C"}], "timeout": "x"},
            {"name": [{"service": "a"}, {"service": "a"}]},
        ],
        retryThrottling={"maxTokens": 1001, "tokenRatio": 0},
    )

    assert [
        "methodConfig[0].timeout",
        "methodConfig[0].name[0]",
        "methodConfig[1].name[1]",
        "retryThrottling.maxTokens",
        "retryThrottling.tokenRatio",
    ] == [each.partition(":")[0] for each in told]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b'{"methodConfig": {}}', b"\xff"])
def test_other_files(data):
    """
    What is no service config at all is refused, never a crash.
    """
    with pytest.raises(SettingsError):
        read_service_config(data)


@pytest.mark.parametrize("data", [b"{", b'{"a":"\xff"}', b'{"a":' + b"[" * 100_000])
def test_what_is_no_json(data):
    """
    A file that is no JSON is a mistake in the settings, also if it is nested without end.
    """
    with pytest.raises(SettingsError, match="no JSON"):
        read_service_config(data)
