"""
Explanations as text.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.cli.explained import as_text
from rpcfw.values.explanation import (
    ExplainedInstance,
    ExplainedOption,
    ExplainedPolicy,
    ExplainedRouter,
    Explanation,
)

BALANCER = ExplainedPolicy(
    "balancer",
    "p2c",
    "balancer",
    "c.ini:7",
    options=(ExplainedOption("decay", "5s", "c.ini:8"), ExplainedOption("probe_after", "1s")),
)
ROUTER = ExplainedPolicy("router", "zone", "router zone", "c.ini:3", "2 in west")
FOUND = Explanation(
    service="demo.Shop",
    method="get",
    caller="web",
    timeout_s=3.0,
    error="",
    instances=(
        ExplainedInstance("a", "tcp:10.0.0.1:1", zone="west", weight=100, share=2 / 3),
        ExplainedInstance("b", "tcp:10.0.0.2:1", zone="west", weight=100, share=None),
        ExplainedInstance("c", "tcp:10.0.0.3:1", removed_by="router zone", reason="in east"),
    ),
    routers=(ExplainedRouter(ROUTER, 3, 2),),
    balancer=BALANCER,
    shares_exact=False,
    shares_note="of the next call",
    policies=(ExplainedPolicy("retry", "by_hints", "retry", says="up to 3 attempts"),),
)


def test_all_parts():
    """
    The instances are a table; each policy is a line, with the options that are no defaults.
    """
    assert (
        "demo.Shop/get, called by web\n"
        "\n"
        "SHARE  INSTANCE        ZONE  WEIGHT  REMOVED BY   REASON\n"
        "66.7%  tcp:10.0.0.1:1  west  100\n"
        "?      tcp:10.0.0.2:1  west  100\n"
        "-      tcp:10.0.0.3:1        0       router zone  in east\n"
        "\n"
        "[router zone] (c.ini:3): 3 → 2 instances; 2 in west\n"
        "[balancer] p2c (c.ini:7): the shares are an estimate; of the next call\n"
        "  decay = 5s  (c.ini:8)\n"
        "[retry] by_hints (by default): up to 3 attempts\n"
    ) == as_text(FOUND)


def test_a_call_that_would_fail():
    """
    The error of the call and the note come first, and which process was asked.
    """
    failing = evolve(
        FOUND, instances=(), routers=(), error="no instance", process="tcp:h:1", note="rest"
    )

    head, _, _ = as_text(failing).partition("\n\n[balancer]")
    assert (
        "demo.Shop/get, called by web, as the process at tcp:h:1 would call it now\n"
        "note: rest\n"
        "the call would fail: no instance\n"
        "\n"
        "no instances are known"
    ) == head


def test_text_of_others_controls_no_terminal():
    """
    Characters that control a terminal are escaped, wherever they come from.
    """
    wild = evolve(
        FOUND,
        caller="a\x1b[2J",
        instances=(ExplainedInstance("a", "tcp:h:1", zone="\x1b[2J", tags={"x": "\x07"}),),
        balancer=evolve(BALANCER, says="", name="\x1b"),
    )

    assert not set("\x1b\x07") & set(as_text(wild))


def test_more_than_are_shown():
    """
    What was left out is said.
    """
    assert "… and 1500 more\n" in as_text(evolve(FOUND, instances_omitted=1500))
