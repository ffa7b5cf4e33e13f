"""
Rules that are put while calls go, followed by consumers and providers.
"""

from __future__ import annotations

from textwrap import dedent

import pytest
from twisted.logger import globalLogPublisher

from rpcfw.app.rules.documents import read_policies
from rpcfw.errors import DeadlineExceeded, NoInstances, Overloaded, SettingsError
from rpcfw.spi.rules import RuleWatch
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.rule import Author, application_scope, service_scope
from tests.lab.services import Greeter
from tests.lab.test_live_policies import Stamped

SERVICE = service_scope("demo.Stamped")
GREETER = service_scope("demo.Greeter")
OPS = Author("ops@here", "an experiment")


@pytest.fixture
def service(lab):
    service = Stamped(lab.clock)
    service.process = lab.serve(service, name="a")
    return service


@pytest.fixture
def lines():
    """
    What is logged about rules.
    """
    found = []

    def observe(event):
        if "rules" in event.get("log_namespace", ""):
            found.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


def put(lab, process, scope, body, kind="policies"):
    """
    Store a document, and let the processes follow it.
    """
    rules = process.application.rules
    found = lab.run(rules.read(scope)).documents.get(kind)
    version = 0 if found is None else found.version
    lab.run(rules.put(scope, kind, dedent(body), version, OPS))
    lab.advance(0.1)


def remove(lab, process, scope, kind="policies"):
    rules = process.application.rules
    version = lab.run(rules.read(scope)).documents[kind].version
    lab.run(rules.remove(scope, kind, version, OPS))
    lab.advance(0.1)


def refusals(process, kind="policies"):
    counter = process.application.runtime.plugin_context.meter.counter(
        "rpcfw_rules_refused_total", "documents of rules that were wrong", "kind"
    )
    return counter.of(kind).value


def option(lab, process, section, name):
    """
    Return an option as ``explain`` shows it, with its place.
    """
    explanation = lab.run(process.application.explain(Stamped.stamp, 0.0))
    policies = {one.section: one for one in (*explanation.policies, explanation.balancer)}
    (found,) = (one for one in policies[section].options if one.name == name)
    return found.value, found.place


def test_every_consumer_follows(lab, service):
    """
    A rule that is put is in use for the next call of every consumer, and gone once removed.
    """
    consumers = [lab.consumer("retry.max_attempts=1") for _ in range(3)]
    clients = [one.application.client(Stamped) for one in consumers]
    for client in clients:
        lab.run(client.stamp(0.0))
    put(lab, consumers[0], SERVICE, "[retry]\nmax_attempts = 3\n")
    for client in clients:
        service.fails = 2
        assert "" == lab.run(client.stamp(0.0))
    remove(lab, consumers[0], SERVICE)
    for process in consumers:
        assert 1 == process.application.policies.options("retry", "demo.Stamped").max_attempts


def test_a_client_that_comes_later(lab, service):
    """
    Rules that were put before a client was made are in use once it is known.
    """
    put(lab, service.process, SERVICE, "[client]\ntimeout = 200ms\n")
    client = lab.consumer().application.client(Stamped)
    lab.advance(0.1)
    with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
        lab.run(client.stamp(1.0))


def test_time_limits(lab, service):
    """
    The limits of calls and attempts change; a call's own limit is stronger.
    """
    process = lab.consumer()
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    put(lab, process, SERVICE, "[client]\ntimeout = 500ms\nattempt_timeout = 100ms\n")
    with pytest.raises(DeadlineExceeded):
        lab.run(client.stamp(1.0))
    assert service.begun > 2
    remove(lab, process, SERVICE)
    begun = service.begun
    assert "" == lab.run(client.stamp(1.0))
    assert begun + 1 == service.begun
    put(lab, process, SERVICE, "[client]\ntimeout = 500ms\n")
    assert "" == lab.run(client.stamp(1.0, timeout=2.0))


def test_precedence(lab, service):
    """
    Rules go before the program, and that before the configuration; `explain` has the place.
    """
    process = lab.consumer("retry.max_attempts=2", name="shop")
    process.application.client(Stamped)
    section = "retry"

    def shown():
        return option(lab, process, section, "max_attempts")

    assert ("2", "--set retry.max_attempts") == shown()
    lab.run(process.application.policies.replace(section, {"max_attempts": "3"}, "demo.Stamped"))
    assert ("3", "replaced at run time") == shown()
    put(lab, process, application_scope("shop"), "[retry]\nmax_attempts = 4\n")
    assert ("4", "policies of application shop, version 1:2") == shown()
    put(lab, process, SERVICE, "# calmer\n[retry]\nmax_attempts = 5\n")
    assert ("5", "policies of service demo.Stamped, version 1:3") == shown()
    remove(lab, process, SERVICE)
    assert ("4", "policies of application shop, version 1:2") == shown()
    remove(lab, process, application_scope("shop"))
    assert ("3", "replaced at run time") == shown()


def test_other_applications_do_not_follow(lab, service):
    """
    Rules of an application are for its processes only.
    """
    shop, bank = lab.consumer(name="shop"), lab.consumer(name="bank")
    for process in shop, bank:
        process.application.client(Stamped)
    put(lab, shop, application_scope("shop"), "[client]\ntimeout = 1s\n")
    timeouts = [one.application.policies.options("client").timeout for one in (shop, bank)]
    assert [1.0, 3.0] == timeouts


def test_a_wrong_document_changes_nothing(lab, service, lines):
    """
    A document that is wrong is refused whole, with one line and a metric; the last good stays.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 4\n")
    lines.clear()
    put(lab, process, SERVICE, "[client]\ntimeout = 9s\n[retry]\nmax_atempts = 5\n")
    (line,) = lines
    assert line.startswith("refused, and the last good one stays in use: policies of service ")
    assert "version 2:4: [retry] max_atempts: unknown option; did you mean 'max_attempts'?" in line
    assert 1 == refusals(process)
    assert "4" == option(lab, process, "retry", "max_attempts")[0]
    assert "3s" == option(lab, process, "client", "timeout")[0]
    lab.registry.leave()
    lab.advance(60)
    lab.registry.come_back()
    lab.advance(1)
    assert [line] == lines
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 6\n")
    assert "6" == option(lab, process, "retry", "max_attempts")[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "[retry]\nplugin = by_hint\n",
            ":2: [retry] plugin: no plugin is called 'by_hint' among retries; did you mean",
        ),
        ("[balancer]\nplugin =\n", ":2: [balancer] plugin: name a plugin, as weighted_random"),
        ("[breaker]\nplugin =\nfailures = 5\n", ":3: [breaker] failures: unknown option"),
        ("[server]\nlisten = tcp:127.0.0.1:1\n", ":1: [server]: is no section that can change"),
        (
            "[client]\nrouters = tagg\n",
            ":2: [client] routers: no plugin is called 'tagg' among routers; did you mean 'tag'?",
        ),
        ("[client]\ninsert = fallback at X\n", ":2: [client] insert: "),
        ("[client]\nprotocols = grpc\n", ":2: [client] protocols: cannot change while a process"),
        ("[client]\ntimeout = soon\n", ":2: [client] timeout: 'soon'"),
        ("retry = 5\n", ":1: retry: is above the first [section]"),
        ("[router]\nx = 5\n", ":1: [router]: name a router, as [router NAME]"),
        ("[retry demo.Stamped]\nx = 5\n", ":1: [retry demo.Stamped]: write [retry]"),
        ("x" * (256 << 10), "[section]"),
    ],
)
def test_wrong_documents(lab, service, lines, body, reason):
    """
    Each mistake is refused with its line.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    lab.advance(0.1)
    put(lab, process, SERVICE, body)
    (line,) = lines
    assert reason in line


def test_a_document_of_mistakes_is_one_short_line(lab, service, lines):
    """
    Who fills a document with mistakes does not fill the logs of all consumers.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    lab.advance(0.1)
    put(lab, process, SERVICE, "x\n" * 50_000 + "[retry]\n" + "y" * 100_000 + " = 1\n")
    (line,) = lines
    assert "and 95 more" in line
    assert len(line) < 3000


def test_a_removal_is_logged(lab, service, lines):
    """
    One line says which document is gone.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 4\n")
    lines.clear()
    remove(lab, process, SERVICE)
    assert ["policies of service demo.Stamped removed"] == lines
    assert 0 == refusals(process)


def test_changes_all_the_time_do_not_fill_the_log(lab, service, lines):
    """
    Each change is in use, and so many lines in a minute tell of them.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    lab.advance(0.1)
    for number in range(60):
        body = f"[retry]\nmax_attempts = {number % 5 + 2}\n" if number % 2 else "[retry]\nx = 1\n"
        put(lab, process, SERVICE, body)
    assert 30 == refusals(process)
    assert "6" == option(lab, process, "retry", "max_attempts")[0]
    assert len(lines) <= 40
    lab.advance(60)
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 3\n")
    assert "lines of this kind were withheld" in lines[-1]


def test_a_record_that_cannot_be_read(lab, service, lines):
    """
    It is one log line and a count in each process, and `explain` waits for no rules.
    """
    process = lab.consumer()
    rules = process.application.rules
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 4\n")
    stored = lab.run(rules._store.read(SERVICE))  # noqa: SLF001
    lab.run(rules._store.write(SERVICE, b"{", b"", stored.stamp))  # noqa: SLF001
    process.application.client(Stamped)
    lab.advance(0.1)
    of_provider, of_consumer = lines
    assert "rules for instances of demo.Stamped are wrong, the last ones stay" in of_provider
    assert "the rules of service demo.Stamped cannot be read, the last ones stay" in of_consumer
    assert [1, 1] == [refusals(each, "all") for each in (service.process, process)]
    assert "" == lab.run(process.application.explain(Stamped.stamp, 0.0)).note


def test_secrets_are_refused(lab, service, lines):
    """
    A secret option is no part of a document that everybody reads.
    """
    process = lab.consumer(
        "plugins.filters.mine=tests.lab.filters:Secretive", "client.insert=mine before ROUTING"
    )
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[filter mine]\ntoken = open\n")
    (line,) = lines
    assert "[filter mine] token: is secret, and rules are not" in line
    assert "open" not in line.partition("[filter mine]")[2]


def test_sections_of_others_are_left_out(lab, service, lines):
    """
    A router, limiter or filter that a process does not have is for other processes.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[router gray]\nrules = x\n[retry]\nmax_attempts = 4\n")
    assert "4" == option(lab, process, "retry", "max_attempts")[0]
    assert 0 == refusals(process)


def test_the_log_level(lab, service, lines):
    """
    Rules of an application change what its processes log, until they are gone.
    """
    process = lab.consumer(name="shop")
    levels = []
    process.application.policies.log_at = levels.append
    put(lab, process, application_scope("shop"), "[app]\nlog_level = debug\n")
    put(lab, process, application_scope("shop"), "[app]\nlog_level = debug\n[retry]\n")
    remove(lab, process, application_scope("shop"))
    assert ["debug", "info"] == levels
    lines.clear()
    for body, reason in (
        ("[app]\nname = bank\n", ":2: [app] name: cannot change while a process runs; log_level"),
        ("[app]\nlog_level = loud\n", ":2: [app] log_level: 'loud'"),
    ):
        put(lab, process, application_scope("shop"), body)
        assert reason in lines.pop()
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[app]\nlog_level = debug\n")
    assert ":1: [app]: is for a whole process: put it with --application NAME" in lines.pop()
    assert ["debug", "info"] == levels


def test_health(lab):
    """
    Rules switch the watch of nodes off and on, and change what it goes by.
    """
    services = {name: Greeter(name) for name in "ab"}
    for name, service in services.items():
        service.process = lab.serve(service, name=name)
    process = lab.consumer()
    greeter = process.application.client(Greeter)
    lab.run(greeter.say("bob"))
    (client,) = process.application.clients
    lab.until(lambda: all(node.links.drivers for node in client.nodes))
    node = next(one for one in client.nodes if "a" == one.instance.address.host)
    put(lab, process, GREETER, "[health]\nidle_heartbeat = 500ms\n")
    assert ("500ms", "policies of service demo.Greeter, version 1:2") == next(
        (one.value, one.place)
        for policy in lab.run(process.application.explain(Greeter.say, "bob")).policies
        for one in policy.options
        if "idle_heartbeat" == one.name
    )
    lab.cut_off(services["a"].process)
    lab.advance(2)
    assert NodeHealth.SUB_HEALTHY is node.health
    put(lab, process, GREETER, "[health]\nenabled = no\n")
    lab.advance(2)
    assert NodeHealth.HEALTHY is node.health
    remove(lab, process, GREETER)
    put(lab, process, GREETER, "[health]\nidle_heartbeat = 500ms\n")
    lab.advance(2)
    assert NodeHealth.SUB_HEALTHY is node.health
    lab.reconnect(services["a"].process)
    lab.until(lambda: NodeHealth.HEALTHY is node.health, 10)
    assert 0 == refusals(process)


def test_providers_follow(lab):
    """
    The rules of its application change the limiter of a server that runs.
    """
    sets = ["server.limiters=token_bucket", "limiter token_bucket.rate=1000/s"]
    provider = lab.serve(Greeter(), name="shop", sets=sets)
    greeter = lab.consumer("attempts.plugin=failfast").application.client(Greeter)
    for _ in range(5):
        lab.run(greeter.say("bob"))
    put(
        lab,
        provider,
        application_scope("shop"),
        "[limiter token_bucket]\nrate = 1/s\nburst = 1\n",
    )
    lab.run(greeter.say("bob"))
    with pytest.raises(Overloaded):
        lab.run(greeter.say("bob"))


def test_a_limiter_of_a_server_is_no_rule_of_a_service(lab):
    """
    Who puts it is told so: a server's limiters are for all services that it serves.
    """
    sets = ["server.limiters=token_bucket", "limiter token_bucket.rate=1000/s"]
    provider = lab.serve(Greeter(), name="shop", sets=sets)
    rules = read_policies("[limiter token_bucket]\nrate = 1/s\n", "file")
    with pytest.raises(SettingsError, match=r"file:1: .*of \[server\].* put it with --application"):
        provider.application.policies.check("demo.Greeter", rules)
    provider.application.policies.check("", rules)


def test_an_instance_is_disabled_and_enabled(lab):
    """
    A disabled instance gets no new calls from anybody, and gets them again once enabled.
    """
    services = {name: Greeter(name) for name in "ab"}
    for name, service in services.items():
        lab.serve(service, name=name)
    consumers = [lab.consumer() for _ in range(3)]
    greeters = [one.application.client(Greeter) for one in consumers]

    def calls():
        for one in services.values():
            one.begun.clear()
        for greeter in greeters * 20:
            lab.run(greeter.say("bob"))
        return {name: len(one.begun) for name, one in services.items()}

    assert all(calls().values())
    put(lab, consumers[0], GREETER, "[instance memory:a]\nenabled = no\n", "instances")
    assert {"a": 0, "b": 60} == calls()
    explanation = lab.run(consumers[0].application.explain(Greeter.say, "bob"))
    (disabled,) = (
        one.id for one in lab.registry.instances("demo.Greeter") if "a" == one.address.host
    )
    place = "instances of service demo.Greeter, version 1"
    assert f"disabled by {place}: {disabled}" == explanation.note
    put(lab, consumers[0], GREETER, "[instance memory:a]\nenabled = yes\n", "instances")
    assert all(calls().values())
    body = "[instance memory:a]\nenabled = no\n[instance memory:b]\nenabled = no\n"
    put(lab, consumers[0], GREETER, body, "instances")
    with pytest.raises(NoInstances, match="all 2 that are known are disabled by instances of"):
        lab.run(greeters[0].say("bob"))
    remove(lab, consumers[0], GREETER, "instances")
    assert all(calls().values())


def test_the_weight_of_an_instance(lab):
    """
    Another weight than the announced one changes the shares, also of what comes back.
    """
    for name in "ab":
        lab.serve(Greeter(name), name=name)
    process = lab.consumer()
    process.application.client(Greeter)

    def shares():
        explanation = lab.run(process.application.explain(Greeter.say, "bob"))
        return {one.address.removeprefix("memory:"): one.share for one in explanation.instances}

    put(lab, process, GREETER, "[instance memory:a]\nweight = 300\n", "instances")
    assert {"a": 0.75, "b": 0.25} == shares()
    put(lab, process, GREETER, "[instance memory:a]\nweight = 0\n", "instances")
    assert 1.0 == shares()["b"]
    put(lab, process, GREETER, "[instance memory:a]\nweight = -1\n", "instances")
    assert 1.0 == shares()["b"]
    assert 1 == refusals(process, "instances")


def test_an_open_call_ends(lab, service):
    """
    A call that runs on an instance ends there though it is disabled meanwhile.
    """
    process = lab.consumer()
    client = process.application.client(Stamped)
    running = lab.begin(client.stamp(1.0))
    lab.advance(0.1)
    (instance,) = lab.registry.instances("demo.Stamped")
    put(lab, process, SERVICE, f"[instance {instance.id}]\nenabled = no\n", "instances")
    assert "" == lab.finish(running)


def test_the_last_rules_hold_while_the_registry_is_unreachable(lab, service):
    """
    Neither an unreachable registry nor one that lost its data changes what is in use.
    """
    process = lab.consumer()
    process.application.client(Stamped)
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 4\n")
    lab.registry.leave()
    lab.advance(60)
    lab.registry.rules.records.clear()
    lab.registry.come_back()
    lab.advance(1)
    assert "4" == option(lab, process, "retry", "max_attempts")[0]
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 5\n")
    assert "5" == option(lab, process, "retry", "max_attempts")[0]


def test_rules_that_may_not_be_read(lab, service, lines):
    """
    A process whose rules are refused goes by its configuration, says so once, and waits for none.
    """
    process = lab.process()
    rules = process.application.rules

    class Closed(RuleWatch):
        def close(self):
            pass

    def watch(scope, listener, on_refused):
        lab.clock.callLater(0, on_refused, "no permission")
        return Closed()

    rules.watch = watch
    lab.start(process)
    before = lab.clock.seconds()
    assert "3s" == option(lab, process, "client", "timeout")[0]
    assert lab.clock.seconds() - before < 0.5
    assert 2 == len(lines)
    assert all("cannot be read, the last ones stay: no permission" in line for line in lines)


def test_one_watch_for_each_service(lab, service):
    """
    However many documents there are, a process has one watch for a service and one for itself.
    """
    lab.serve(Greeter(), name="b")
    before = lab.registry.rules.watches
    process = lab.consumer()
    for called in Stamped, Greeter:
        process.application.client(called)
        process.application.client(called)
    put(lab, process, SERVICE, "[retry]\nmax_attempts = 4\n")
    put(lab, process, SERVICE, "[instance memory:a]\nweight = 5\n", "instances")
    assert before + 3 == lab.registry.rules.watches
    lab.run(process.application.stop())
    assert before == lab.registry.rules.watches
