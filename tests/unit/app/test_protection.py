"""
Breakers and limiters, as configurations choose them.
"""

from __future__ import annotations

import pytest

from rpcfw.app.plan import read_plan
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources


def plan(*sets):
    return read_plan(Sources.load((), {}, sets))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["breaker.plugin=consecutiv"], r"among breakers; did you mean 'consecutive'"),
        (["client.limiters=adaptiv"], r"\[client\] limiters.* among limiters; did you mean 'adap"),
        (
            ["server.limiters=tokens"],
            r"\[server\] limiters.* among limiters; known: .*token_bucket",
        ),
        (
            ["breaker.plugin=consecutive", "breaker.failure=3"],
            r"\[breaker\] failure: unknown option; did you mean 'failures'",
        ),
        (
            ["server.limiters=concurrency", "limiter concurrency.max_call=3"],
            r"\[limiter concurrency\] max_call: unknown option; did you mean 'max_calls'",
        ),
        (["limiter concurrency.max_calls=3"], r"\[limiter concurrency\]: "),
        (["breaker.failures=3"], r"\[breaker\] failures: unknown option.*plugin"),
    ],
)
def test_mistakes(sets, message):
    """
    A name that nobody knows is a mistake, reported with the nearest one.
    """
    with pytest.raises(SettingsError, match=message):
        plan(*sets)


def test_none_by_default():
    """
    Without a choice no stack has a breaker or a limiter.
    """
    made = plan()
    assert () == made.client("demo.Greeter").call.inserts
    assert () == made.client("demo.Greeter").attempt.inserts
    assert () == made.server_filters


def test_they_stand_before_the_filters_of_users():
    """
    Limiters are at GUARD and ADMISSION in their order, a breaker at BREAKER.
    """
    made = plan(
        "breaker.plugin=consecutive",
        "client.limiters=token_bucket, concurrency",
        "server.limiters=adaptive",
    )
    client = made.client("demo.Greeter")
    assert [
        "[limiter token_bucket] after GUARD",
        "[limiter concurrency] after GUARD",
    ] == [str(edit) for edit, _ in client.call.inserts]
    assert ["[breaker] consecutive after BREAKER"] == [str(e) for e, _ in client.attempt.inserts]
    assert ["[limiter adaptive] after ADMISSION"] == [str(e) for e, _ in made.server_filters]


def test_of_one_service():
    """
    A service has limiters and a breaker of its own by its own sections.
    """
    made = plan(
        "client demo.Shop.limiters=concurrency",
        "breaker demo.Shop.plugin=failure_rate",
        "breaker.plugin=consecutive",
    )
    names = {
        service: [chosen.name for chosen in client.chosen.values()]
        for service, client in made.clients.items()
    }
    assert "consecutive" in names[""]
    assert "failure_rate" not in names[""]
    assert {"failure_rate", "concurrency"} <= set(names["demo.Shop"])
