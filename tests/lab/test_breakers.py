"""
Circuit breakers in whole systems.
"""

from __future__ import annotations

import pytest

from rpcfw import ApplicationError, CallError, Status
from rpcfw.errors import BreakerOpen
from tests.lab.services import Greeter

BREAKER = ("breaker.plugin=consecutive", "breaker.failures=3", "breaker.open_jitter=0%")
ALONE = (*BREAKER, "retry.plugin=never")


def sick(lab, name="sick"):
    greeter = Greeter(name, lab.clock)
    greeter.process = lab.serve(greeter, name=name)
    greeter.error = ApplicationError(Status.UNAVAILABLE, "the database is away")
    return greeter


def status_of(lab, call):
    try:
        lab.run(call)
    except BreakerOpen:
        return "refused"
    except CallError as error:
        return error.status.name
    return "OK"


def counted(process, name):
    meter = process.application.runtime.plugin_context.meter
    (family,) = [each for each in meter if each.name == name]
    return {labels: member.value for labels, member in family}


def test_it_opens_probes_and_closes(lab):
    """
    After failures in a row nothing is sent; after the open time a probe is; good ones close it.
    """
    greeter = sick(lab)
    consumer = lab.consumer(*ALONE)
    client = consumer.application.client(Greeter)
    results = [status_of(lab, client.who()) for _ in range(5)]
    assert ["UNAVAILABLE"] * 3 + ["refused"] * 2 == results
    lab.advance(5)
    assert ["UNAVAILABLE", "refused"] == [status_of(lab, client.who()) for _ in range(2)]
    assert 4 == len(greeter.begun)
    greeter.error = None
    lab.advance(5)
    assert "refused" == status_of(lab, client.who())  # it is open for twice as long now
    lab.advance(5)
    assert ["OK"] * 10 == [status_of(lab, client.who()) for _ in range(10)]

    of = "demo.Greeter", "who"
    assert {(*of, "open"): 2, (*of, "half-open"): 2, (*of, "closed"): 1} == counted(
        consumer, "rpcfw_client_breaker_transitions_total"
    )
    assert {of: 4} == counted(consumer, "rpcfw_client_breaker_refused_total")


def test_open_breakers_are_shown(lab):
    """
    A gauge has the methods with an open breaker of each node, and none once they are closed.
    """
    greeter = sick(lab)
    consumer = lab.consumer(*ALONE)
    client = consumer.application.client(Greeter)
    meter = consumer.application.runtime.plugin_context.meter
    (gauge,) = (one for one in meter.observed if one.name == "rpcfw_client_breakers_open")

    assert [] == list(gauge)
    for _ in range(4):
        status_of(lab, client.who())
    (((service, node), open_now),) = gauge
    address = greeter.process.application.server.addresses[0]
    assert ("demo.Greeter", str(address), 1) == (service, node, open_now.value)
    greeter.error = None
    lab.advance(20)
    for _ in range(3):
        status_of(lab, client.who())
    assert [] == list(gauge)


def test_methods_are_apart(lab):
    """
    A method that fails takes nothing from another at the same node.
    """
    sick(lab)
    client = lab.consumer(*ALONE).application.client(Greeter)
    for _ in range(5):
        status_of(lab, client.who())
    assert "hello bob" == lab.run(client.say("bob"))


@pytest.mark.parametrize("retry", ["never", "by_hints"])
def test_another_node_is_taken(lab, retry):
    """
    An open breaker costs no attempt: the call takes another node, whatever the retry policy.
    """
    greeter = sick(lab)
    lab.serve(Greeter("well"), name="well")
    client = lab.consumer(*BREAKER, f"retry.plugin={retry}").application.client(Greeter)
    for _ in range(50):
        status_of(lab, client.who())
    begun = len(greeter.begun)
    assert 3 == begun
    assert ["OK"] * 50 == [status_of(lab, client.who()) for _ in range(50)]
    assert begun == len(greeter.begun)


def test_all_are_open(lab):
    """
    If the breakers of all nodes are open, the call fails and says so, and nothing is sent.
    """
    greeters = [sick(lab, name) for name in "abc"]
    client = lab.consumer(*ALONE).application.client(Greeter)
    for _ in range(50):
        status_of(lab, client.who())
    assert [3, 3, 3] == [len(each.begun) for each in greeters]
    with pytest.raises(BreakerOpen, match=r"the breaker of demo.Greeter/who at memory:. is open"):
        lab.run(client.who())


def test_business_errors_never_count(lab):
    """
    What the author of a service raises opens nothing.
    """
    greeter = sick(lab)
    greeter.error = ApplicationError(Status.NOT_FOUND, "no such shop")
    client = lab.consumer(*ALONE).application.client(Greeter)
    assert ["NOT_FOUND"] * 20 == [status_of(lab, client.who()) for _ in range(20)]


def test_a_hanging_node(lab):
    """
    Calls that run out of time count as failures.
    """
    lab.serve(Greeter("slow", lab.clock), name="slow")
    client = lab.consumer(*ALONE, "client.timeout=100ms").application.client(Greeter)
    results = [status_of(lab, client.slow(5)) for _ in range(5)]
    assert ["DEADLINE_EXCEEDED"] * 3 + ["refused"] * 2 == results


def test_options_are_replaced(lab):
    """
    An open breaker stays open with other options, and opens by them from then on.
    """
    sick(lab)
    application = lab.consumer(*ALONE).application
    client = application.client(Greeter)
    for _ in range(3):
        status_of(lab, client.who())
    lab.run(application.policies.replace("breaker", {"failures": "1"}))
    assert "refused" == status_of(lab, client.who())
    assert 1 == application.policies.options("breaker").failures
    lab.run(client.write("x"))


def test_one_service_alone(lab):
    """
    [breaker SERVICE] is for the calls to that service; others have none.
    """
    sick(lab)
    sets = ["breaker demo.Other.plugin=consecutive", "breaker demo.Other.failures=1"]
    client = lab.consumer("retry.plugin=never", *sets).application.client(Greeter)
    assert ["UNAVAILABLE"] * 9 == [status_of(lab, client.who()) for _ in range(9)]
