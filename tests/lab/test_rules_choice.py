"""
Rules that choose other plugins, and other lists of plugins, while calls go.
"""

from __future__ import annotations

import gc
from asyncio import CancelledError

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw.app.rules.documents import read_policies
from rpcfw.errors import CallError, Overloaded, SettingsError
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Status
from rpcfw.values.rule import application_scope, service_scope
from tests.lab.filters import Stamp
from tests.lab.services import Greeter
from tests.lab.test_live_policies import Stamped
from tests.lab.test_rules import put, refusals, remove

SERVICE = service_scope("demo.Stamped")
GREETER = service_scope("demo.Greeter")
MINE = "plugins.filters.mine=tests.lab.filters:Stamp"


@pytest.fixture
def service(lab):
    service = Stamped(lab.clock)
    lab.serve(service, name="a")
    return service


@pytest.fixture
def notes():
    Stamp.notes.clear()
    yield Stamp.notes
    Stamp.notes.clear()


def client_of(process):
    (client,) = process.application.clients
    return client


def explained(lab, process, kind, method=Stamped.stamp, argument=0.0):
    """
    Return the policies of one kind as ``explain`` shows them.
    """
    found = lab.run(process.application.explain(method, argument))
    routers = [one.policy for one in found.routers]
    return [one for one in (*found.policies, *routers, found.balancer) if kind == one.kind]


def test_another_balancer(lab):
    """
    The next call is balanced by it, and again by the configured one when the rule is gone.
    """
    services = {name: Greeter(name) for name in "abc"}
    for name, service in services.items():
        lab.serve(service, name=name)
    process = lab.consumer("balancer.plugin=round_robin")
    greeter = process.application.client(Greeter)

    def used():
        for one in services.values():
            one.begun.clear()
        for _ in range(12):
            lab.run(greeter.say("bob"))
        return sorted(len(one.begun) for one in services.values())

    assert [4, 4, 4] == used()
    put(lab, process, GREETER, "[balancer]\nplugin = consistent_hash\nkey = argument name\n")
    assert [0, 0, 12] == used()
    (balancer,) = explained(lab, process, "balancer", Greeter.say, "bob")
    assert "consistent_hash" == balancer.name
    assert "policies of service demo.Greeter, version 1:2" == balancer.place
    remove(lab, process, GREETER)
    assert [4, 4, 4] == used()
    assert 0 == refusals(process)


def test_a_balancer_of_one_method(lab):
    """
    A method gets one of its own, without a section in the configuration.
    """
    lab.serve(Greeter("a"), name="a")
    process = lab.consumer("balancer.plugin=round_robin")
    lab.run(process.application.client(Greeter).say("bob"))
    put(lab, process, GREETER, "[balancer demo.Greeter/say]\nplugin = least_active\n")
    policies = client_of(process).policies
    assert ["say"] == [name for name, _ in policies.method_balancers]
    (balancer,) = explained(lab, process, "balancer", Greeter.say, "bob")
    assert "least_active" == balancer.name
    remove(lab, process, GREETER)
    assert () == client_of(process).policies.method_balancers


def test_options_of_another_plugin_do_not_count(lab, service):
    """
    What is configured for one plugin is not read by the one that a rule names instead.
    """
    process = lab.consumer("balancer.plugin=least_active", "balancer.choices=7")
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[balancer]\nplugin = p2c\n")
    assert type(client_of(process).policies.balancer).__name__ == "P2C"
    put(lab, process, SERVICE, "[balancer]\nplugin = least_active\n")
    assert 7 == client_of(process).policies.balancer.options.choices


def test_another_strategy(lab, service):
    """
    A call that fails is repeated by one strategy, and not by the other.
    """
    process = lab.consumer("retry.max_attempts=3")
    client = process.application.client(Stamped)
    service.fails = 2
    assert "" == lab.run(client.stamp(0.0))
    put(lab, process, SERVICE, "[attempts]\nplugin = failfast\n")
    service.fails = 2
    with pytest.raises(CallError):
        lab.run(client.stamp(0.0))
    put(lab, process, SERVICE, "[attempts demo.Stamped/stamp]\nplugin = failover\n")
    service.fails = 2
    assert "" == lab.run(client.stamp(0.0))


def test_a_breaker_comes_and_goes(lab, service):
    """
    A breaker that a rule adds opens; without the rule calls pass, as nothing holds them.
    """
    process = lab.consumer("retry.max_attempts=1")
    client = process.application.client(Stamped)

    def refused():
        service.fails, begun = 3, service.begun
        for _ in range(3):
            with pytest.raises(CallError):
                lab.run(client.stamp(0.0))
        service.fails = 0
        return service.begun - begun < 3

    assert not refused()
    breaker = "[breaker]\nplugin = consecutive\nfailures = 2\n"
    put(lab, process, SERVICE, breaker)
    assert refused()
    (found,) = explained(lab, process, "breaker")
    assert ("consecutive", "policies of service demo.Stamped, version 1:2") == (
        found.name,
        found.place,
    )
    remove(lab, process, SERVICE)
    assert not refused()


def test_what_is_known_survives_other_changes(lab, service):
    """
    A circuit that is open stays open while the routers, the balancer and the limits change.
    """
    process = lab.consumer(
        "retry.max_attempts=1", "breaker.plugin=consecutive", "breaker.failures=2"
    )
    client = process.application.client(Stamped)
    service.fails = 2
    for _ in range(2):
        with pytest.raises(CallError):
            lab.run(client.stamp(0.0))
    begun = service.begun
    for body in (
        "[client]\nrouters = tag\n",
        "[balancer]\nplugin = round_robin\n[client]\ntimeout = 9s\nlimiters = token_bucket\n",
        (
            "[client]\ninsert = fallback before ATTEMPTS\n"
            "[filter fallback]\nvalue = 1\nmethods = other\n"
        ),
        "[breaker]\nfailures = 3\n",
    ):
        put(lab, process, SERVICE, body)
        with pytest.raises(CallError):
            lab.run(client.stamp(0.0))
    assert begun == service.begun
    assert 0 == refusals(process)


def test_routers_in_another_order(lab, service):
    """
    The list and its order change; a router that stays is the same object.
    """
    process = lab.consumer("client.routers=tag")
    process.application.client(Stamped)
    (tag,) = client_of(process).policies.routers
    put(lab, process, SERVICE, "[client]\nrouters = subset, tag\n[router subset]\nsize = 2\n")
    subset, same = client_of(process).policies.routers
    assert (2, tag) == (subset.options.size, same)
    put(lab, process, SERVICE, "[client]\nrouters = tag, subset\n[router subset]\nsize = 2\n")
    assert [tag, subset] == [*client_of(process).policies.routers]
    places = [one.place for one in explained(lab, process, "router")]
    assert ["policies of service demo.Stamped, version 2:2"] * 2 == places
    put(lab, process, SERVICE, "[client]\nrouters =\n")
    assert () == client_of(process).policies.routers


def test_a_limiter_is_added(lab, service):
    """
    A rule limits the calls of all consumers though none was configured with a limiter.
    """
    process = lab.consumer("retry.max_attempts=1")
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    put(
        lab,
        process,
        SERVICE,
        "[client]\nlimiters = token_bucket\n[limiter token_bucket]\nrate = 1/s\nburst = 1\n",
    )
    lab.run(client.stamp(0.0))
    with pytest.raises(Overloaded):
        lab.run(client.stamp(0.0))
    remove(lab, process, SERVICE)
    lab.run(client.stamp(0.0))


def test_the_fallback_is_switched_on_and_off(lab, service):
    """
    A rule puts an answer in the place of failed calls, for as long as it is there.
    """
    process = lab.consumer("retry.max_attempts=1")
    client = process.application.client(Stamped)
    put(
        lab,
        process,
        SERVICE,
        """
        [client]
        insert = fallback before ATTEMPTS
        [filter fallback]
        value = "later"
        """,
    )
    service.fails = 1
    assert "later" == lab.run(client.stamp(0.0))
    remove(lab, process, SERVICE)
    service.fails = 1
    with pytest.raises(CallError) as caught:
        lab.run(client.stamp(0.0))
    assert Status.UNAVAILABLE is caught.value.status


def test_calls_end_as_they_began(lab, service, notes):
    """
    A call in flight keeps the filter that a rule removes; that is stopped once it has ended.
    """
    process = lab.consumer(MINE, "client.insert=mine before ROUTING", "filter mine.text=new")
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    running = lab.begin(client.stamp(1.0))
    lab.advance(0.1)
    put(lab, process, SERVICE, "[client]\ninsert =\n")
    assert "" == lab.run(client.stamp(0.0))
    assert ("new", "stop") not in notes
    assert lab.finish(running).startswith("new")
    del running
    gc.collect()
    lab.advance(0.1)
    assert ("new", "stop") in notes


def test_a_plugin_that_is_added_is_started_first(lab, service, notes):
    """
    One that cannot be started refuses the document, and the last good one stays.
    """
    process = lab.consumer(MINE)
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    put(lab, process, SERVICE, "[client]\ninsert = mine before ROUTING\n[filter mine]\ntext = n\n")
    assert ("n", "start") in notes
    assert lab.run(client.stamp(0.0)).startswith("n")
    put(
        lab,
        process,
        SERVICE,
        "[client]\ninsert = mine before ROUTING\n[filter mine]\ntext = bad\nstarts = 0\n",
    )
    assert 1 == refusals(process)
    assert lab.run(client.stamp(0.0)).startswith("n")


def test_an_application_with_services_of_other_plugins(lab, service):
    """
    A choice for an application is for the services that have the plugin of the plain section.
    """
    lab.serve(Greeter("a"), name="b")
    process = lab.consumer("balancer demo.Greeter.plugin=least_active", name="shop")
    for each in Stamped, Greeter:
        process.application.client(each)
    put(lab, process, application_scope("shop"), "[balancer]\nplugin = round_robin\n")
    found = {
        client.service: type(client.policies.balancer).__name__
        for client in process.application.clients
    }
    assert {"demo.Stamped": "RoundRobin", "demo.Greeter": "LeastActive"} == found
    put(lab, process, GREETER, "[balancer]\nplugin = p2c\n")
    (greeter,) = (one for one in process.application.clients if "demo.Greeter" == one.service)
    assert "P2C" == type(greeter.policies.balancer).__name__


def test_an_application_with_a_balancer_of_one_method(lab, service):
    """
    It is for the service of the method, and no mistake for the others.
    """
    lab.serve(Greeter("a"), name="b")
    process = lab.consumer(name="shop")
    for each in Stamped, Greeter:
        process.application.client(each)
    body = "[balancer demo.Greeter/say]\nplugin = p2c\n"
    put(lab, process, application_scope("shop"), body)
    found = {
        client.service: [name for name, _ in client.policies.method_balancers]
        for client in process.application.clients
    }
    assert {"demo.Stamped": [], "demo.Greeter": ["say"]} == found
    assert 0 == refusals(process)
    with pytest.raises(SettingsError, match=r"rules:1: \[balancer demo.Greeter/say\]: not in use"):
        process.application.policies.check("demo.Stamped", read_policies(body, "rules"))


def test_a_rule_of_one_service_changes_no_other(lab, service):
    """
    The policies of the other services are the same objects as before.
    """
    lab.serve(Greeter("a"), name="b")
    process = lab.consumer("retry demo.Greeter.max_attempts=2", name="shop")
    for each in Stamped, Greeter:
        process.application.client(each)
    put(lab, process, application_scope("shop"), "[client]\nrouters = tag\n")
    before = {one.service: one.policies for one in process.application.clients}
    put(lab, process, SERVICE, "[client]\nrouters =\n")
    after = {one.service: one.policies for one in process.application.clients}
    assert before["demo.Greeter"] is after["demo.Greeter"]
    assert () == after["demo.Stamped"].routers


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "[client]\ninsert = fallback before ATTEMPTS\n[filter fallback]\ntarget = os:getcwd\n",
            ":4: [filter fallback] target: names code that is imported, which rules may not",
        ),
        (
            "[retry]\nalways_errors = antigravity:Error\n",
            ":2: [retry] always_errors: names code that is imported",
        ),
        (
            "[client]\nrouters = access\n[router access]\nfile = /etc/passwd\n",
            ":4: [router access] file: names a file of this machine, which rules may not",
        ),
    ],
)
def test_rules_reach_no_file_and_no_code(lab, service, body, reason):
    """
    Who writes to the registry decides how calls are made, and nothing else on this machine.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    with pytest.raises(SettingsError) as caught:
        process.application.policies.check("demo.Stamped", read_policies(body, "rules"))
    assert f"rules{reason}" in str(caught.value)
    assert "root:" not in str(caught.value)
    put(lab, process, SERVICE, body)
    assert 1 == refusals(process)


def test_a_client_that_comes_later_is_made_by_the_rule(lab, service):
    """
    A choice for an application holds for services that are called for the first time.
    """
    process = lab.consumer(name="shop")
    put(lab, process, application_scope("shop"), "[client]\nrouters = tag\n")
    process.application.client(Stamped)
    assert ["TagRouter"] == [type(one).__name__ for one in client_of(process).policies.routers]


def test_a_document_that_is_the_same_changes_nothing(lab, service):
    """
    What a new version says as before keeps every plugin.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[balancer]\nplugin = round_robin\n")
    before = client_of(process).policies
    put(lab, process, SERVICE, "# the same\n[balancer]\nplugin = round_robin\n")
    assert before is client_of(process).policies


CHOICES = "[balancer]\nchoices = 5\n"
P2C = "[balancer]\nplugin = p2c\n"


def balancer_of(process):
    return type(client_of(process).policies.balancer).__name__


def test_rules_that_did_not_fit_others(lab, service):
    """
    They are used as soon as those are gone, as by a process that starts then; refused once.
    """
    process = lab.consumer("balancer.plugin=least_active", name="shop")
    process.application.client(Stamped)
    put(lab, process, SERVICE, CHOICES)
    put(lab, process, application_scope("shop"), P2C)
    assert ("LeastActive", 1) == (balancer_of(process), refusals(process))
    put(lab, process, GREETER, "[client]\ntimeout = 1s\n")
    put(lab, process, SERVICE, "[balancer]\nchoices = 6\n")
    assert ("LeastActive", 1) == (balancer_of(process), refusals(process))
    remove(lab, process, SERVICE)
    assert ("P2C", 1) == (balancer_of(process), refusals(process))
    put(lab, process, SERVICE, CHOICES)
    assert ("P2C", 2) == (balancer_of(process), refusals(process))
    remove(lab, process, application_scope("shop"))
    assert 5 == client_of(process).policies.balancer.options.choices


def test_others_that_rules_need(lab, service):
    """
    A document whose removal was refused is gone as soon as nothing needs it.
    """
    process = lab.consumer("balancer.plugin=p2c", name="shop")
    process.application.client(Stamped)
    put(lab, process, application_scope("shop"), "[balancer]\nplugin = least_active\n")
    put(lab, process, SERVICE, CHOICES)
    remove(lab, process, application_scope("shop"))
    assert ("LeastActive", 1) == (balancer_of(process), refusals(process))
    remove(lab, process, SERVICE)
    assert ("P2C", 1) == (balancer_of(process), refusals(process))


def test_rules_that_did_not_fit_the_program(lab, service):
    """
    They are used when the program has replaced what was in their way.
    """
    process = lab.consumer("balancer.plugin=p2c")
    process.application.client(Stamped)
    put(lab, process, SERVICE, CHOICES)
    assert ("P2C", 1) == (balancer_of(process), refusals(process))
    lab.run(process.application.policies.replace("balancer", {"plugin": "least_active"}))
    lab.advance(0.1)
    assert 5 == client_of(process).policies.balancer.options.choices


class SlowStart(Stamp):
    """
    Takes its time to start.
    """

    async def start(self):
        await sleep(self.plugin_context.clock, 5)


def test_a_stop_refuses_nothing(lab, service):
    """
    A process that stops while rules are put in use leaves no word that they were wrong.
    """
    process = lab.consumer("plugins.filters.mine=tests.lab.test_rules_choice:SlowStart")
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[client]\ninsert = mine before ATTEMPTS\n")
    with capturedLogs() as logged:
        lab.stop(process)
        lab.advance(10)
    assert [] == [formatEvent(event) for event in logged if "refused" in formatEvent(event)]
    assert 0 == refusals(process)


class Cancels(Stamp):
    """
    Lets the cancellation of something of its own escape.
    """

    async def start(self):
        await self.started()

    async def started(self):
        raise CancelledError


def test_a_plugin_that_cancels_itself(lab, service):
    """
    Its document is refused, and the next one is used.
    """
    process = lab.consumer("plugins.filters.mine=tests.lab.test_rules_choice:Cancels")
    client = process.application.client(Stamped)
    put(lab, process, SERVICE, "[client]\ninsert = mine before ATTEMPTS\n")
    assert 1 == refusals(process)
    lab.run(client.stamp(0.0))
    put(lab, process, SERVICE, "[balancer]\nplugin = p2c\n")
    assert "P2C" == balancer_of(process)
