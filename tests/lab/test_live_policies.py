"""
Options of policies, replaced while calls go through them.
"""

from __future__ import annotations

import gc

import pytest

from rpcfw import ApplicationError, CallError, Service, Status, context, method
from rpcfw.errors import Overloaded, SettingsError
from rpcfw.spi.runtime.waiting import sleep
from tests.lab.filters import Stamp
from tests.lab.services import Greeter, Streams

MINE = "plugins.filters.mine=tests.lab.filters:Stamp"
BESIDE = "plugins.filters.beside=tests.lab.filters:Stamp"
BY_NODE = "plugins.filters.mine=tests.lab.filters:PerNode"


class Stamped(Service, name="demo.Stamped"):
    """
    Says what a call was stamped with; fails as often as it is told to.
    """

    def __init__(self, clock, fails=0):
        self.clock = clock
        self.fails = fails
        self.begun = 0

    @method(idempotent=True)
    async def stamp(self, seconds: float) -> str:
        self.begun += 1
        metadata = context().metadata
        if seconds:
            await sleep(self.clock, seconds)
        if self.fails:
            self.fails -= 1
            raise ApplicationError(Status.UNAVAILABLE, "not now")
        return f"{metadata.get('stamp', '')} {metadata.get('count', '')}".strip()


class Other(Stamped, name="demo.Other"):
    """
    The same by another name.
    """


@pytest.fixture
def notes():
    Stamp.notes.clear()
    yield Stamp.notes
    Stamp.notes.clear()


@pytest.fixture
def service(lab):
    service = Stamped(lab.clock)
    service.process = lab.serve(service, name="a")
    return service


def replace(lab, process, section, service="", **options):
    lab.run(process.application.policies.replace(section, options, service))


def refused(lab, process, *arguments, **options):
    with pytest.raises(SettingsError) as caught:
        replace(lab, process, *arguments, **options)
    return str(caught.value)


def consumer(lab, place="before ROUTING", plugin=MINE, *sets):
    return lab.consumer(plugin, f"client.insert=mine {place}", *sets)


def test_calls_begin_with_the_new_and_end_with_the_old(lab, service, notes):
    """
    A call that has begun ends in the filter that it began in, which is stopped only then.
    """
    process = consumer(lab)
    client = process.application.client(Stamped)
    old = lab.begin(client.stamp(1.0))
    lab.advance(0.1)
    assert [("old", "start"), ("old", "bind")] == sorted(notes, reverse=True)
    notes.clear()

    replace(lab, process, "filter mine", text="new")
    assert [("new", "start"), ("new", "after old"), ("new", "bind")] == notes
    assert "new 2" == lab.run(client.stamp(0.0))
    assert ("old", "stop") not in notes
    assert "old 1" == lab.finish(old)
    lab.advance(0.1)
    assert [("old", "end"), ("old", "stop")] == notes[-2:]


def test_a_call_keeps_all_that_it_began_with(lab, service, notes):
    """
    A filter that was replaced later than another is not stopped before the calls of both.
    """
    process = lab.consumer(MINE, BESIDE, "client.insert=mine before ROUTING, beside before mine")
    running = lab.begin(process.application.client(Stamped).stamp(1.0))
    lab.advance(0.1)
    replace(lab, process, "filter mine", text="new")
    replace(lab, process, "filter beside", text="new")
    lab.advance(0.1)
    assert ("old", "stop") not in notes
    lab.finish(running)
    lab.advance(0.1)
    assert 2 == notes.count(("old", "stop"))


def test_a_stream_is_a_call_as_long_as_it_is_read(lab, notes):
    """
    The filter that a stream was opened through is stopped once the stream has ended.
    """
    lab.serve(Streams(lab.clock))
    process = consumer(lab)
    stream = process.application.client(Streams).tick(0.1)
    lab.run(anext(stream))
    replace(lab, process, "filter mine", text="new")
    lab.run(anext(stream))
    assert ("old", "stop") not in notes
    stream.cancel()
    del stream
    lab.advance(0.1)
    gc.collect()  # under asyncio a Task may be in a circle
    lab.advance(0.1)
    assert ("old", "stop") in notes


def test_what_is_wrong_is_refused_and_the_old_stays(lab, service, notes):
    """
    Every mistake is told at once, as of a file, and calls go on as before.
    """
    process = consumer(lab)
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    notes.clear()

    told = refused(lab, process, "filter mine", txet="new", starts="few")
    assert "[filter mine] txet: unknown option; did you mean 'text'?" in told
    assert "[filter mine] starts: 'few' is not a whole number" in told
    assert "[filter mine] text: must not be empty" == refused(lab, process, "filter mine", text="")
    told = refused(lab, process, "filter mein", text="new")
    assert told.startswith("no policy here has a section [filter mein]; did you mean 'filter mine'")
    told = refused(lab, process, "retry", "demo.Stamped", max_attempts="0")
    assert "[retry] max_attempts: must be at least 1, not 0" == told
    assert [] == notes
    assert "old 2" == lab.run(client.stamp(0.0))


def test_what_does_not_start_is_refused(lab, service, notes):
    """
    If one plugin cannot be started none is put in place, and those that were are stopped.
    """
    lab.serve(Other(lab.clock), name="b")
    process = consumer(lab)
    clients = [process.application.client(each) for each in (Stamped, Other)]
    for client in clients:
        lab.run(client.stamp(0.0))
    with pytest.raises(RuntimeError, match="it does not start"):
        replace(lab, process, "filter mine", text="new", starts="1")
    assert [("new", "start"), ("new", "stop")] == [note for note in notes if note[0] == "new"]
    assert ["old 2", "old 2"] == [lab.run(client.stamp(0.0)) for client in clients]
    replace(lab, process, "filter mine", text="new")
    assert ["new 3", "new 3"] == [lab.run(client.stamp(0.0)) for client in clients]


def test_stacks_are_rebuilt_once_and_only_if_something_changed(lab, service, notes):
    """
    A replacement binds each filter of the stack once; the same options again bind none.
    """
    process = lab.consumer(MINE, BESIDE, "client.insert=mine before ROUTING, beside before mine")
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    notes.clear()

    replace(lab, process, "filter mine", text="new")
    assert 2 == [what for _, what in notes].count("bind")
    assert 1 == [what for _, what in notes].count("start")
    lab.advance(0.1)
    notes.clear()
    replace(lab, process, "filter mine", text="new")
    for _ in range(5):
        lab.run(client.stamp(0.0))
    assert {"end"} == {what for _, what in notes}


def test_for_one_service_or_for_all(lab, service):
    """
    What is given for one service lies over what is given for all; nothing goes back to that.
    """
    lab.serve(Other(lab.clock), name="b")
    process = consumer(lab)
    policies = process.application.policies

    def stamps():
        clients = [process.application.client(each) for each in (Stamped, Other)]
        return [lab.run(client.stamp(0.0)).split()[0] for client in clients]

    replace(lab, process, "filter mine", "demo.Other", text="one")
    assert ["old", "one"] == stamps()
    replace(lab, process, "filter mine", text="all")
    assert ["all", "one"] == stamps()
    assert "one" == policies.options("filter mine", "demo.Other").text
    replace(lab, process, "filter mine", "demo.Other")
    assert ["all", "all"] == stamps()
    replace(lab, process, "filter mine")
    assert ["old", "old"] == stamps()
    assert "old" == policies.options("filter mine").text


def test_a_service_with_another_plugin_keeps_it(lab, service):
    """
    Options for all services reach those that use the plugin of the plain section.
    """
    lab.serve(Other(lab.clock), name="b")
    process = lab.consumer("retry demo.Other.plugin=never")
    replace(lab, process, "retry", max_attempts="7")
    policies = process.application.policies
    assert 7 == policies.options("retry", "demo.Stamped").max_attempts
    assert not hasattr(policies.options("retry", "demo.Other"), "max_attempts")
    assert "unknown option" in refused(lab, process, "retry", "demo.Other", max_attempts="7")


def test_before_the_start_and_for_services_asked_for_later(lab, service, notes):
    """
    Options may be replaced before the application starts; who comes later has them too.
    """
    process = lab.process("late", (), MINE, "client.insert=mine before ROUTING")
    early = process.application.client(Stamped)
    replace(lab, process, "filter mine", text="new")
    lab.start(process)
    assert "new 1" == lab.run(early.stamp(0.0))
    lab.serve(Other(lab.clock), name="b")
    assert "new 1" == lab.run(process.application.client(Other).stamp(0.0))
    assert ("old", "start") not in notes


def test_a_retry_policy(lab, service):
    """
    The next call goes by the new number of attempts.
    """
    process = lab.consumer("retry.max_attempts=1")
    client = process.application.client(Stamped)
    service.fails = 1
    with pytest.raises(CallError):
        lab.run(client.stamp(0.0))
    replace(lab, process, "retry", max_attempts="3")
    service.fails = 2
    lab.run(client.stamp(0.0))
    assert 4 == service.begun


def test_a_retry_policy_keeps_its_budget(lab, service):
    """
    A budget that was spent stays spent: new options do not fill it up.
    """
    process = lab.consumer("retry.budget_tokens=10", "retry.budget_ratio=0")
    client = process.application.client(Stamped)
    service.fails = 100
    for _ in range(5):
        with pytest.raises(CallError):
            lab.run(client.stamp(0.0))
    replace(lab, process, "retry", budget_tokens="20", budget_ratio="0", max_attempts="9")
    begun = service.begun
    with pytest.raises(CallError):
        lab.run(client.stamp(0.0))
    assert begun + 1 == service.begun


def test_a_router(lab):
    """
    Routes that were remembered are found anew, at once.
    """
    for zone in ("east", "west"):
        lab.serve(Greeter(zone), name=zone, sets=[f"server.zone={zone}"])
    process = lab.consumer("client.routers=zones", "router zones.zone=east")
    client = process.application.client(Greeter)
    assert {"east"} == {lab.run(client.who()) for _ in range(20)}
    replace(lab, process, "router zones", zone="west")
    assert {"west"} == {lab.run(client.who()) for _ in range(20)}


def test_a_call_that_repeats_under_the_old_router(lab, service):
    """
    A call that began before a replacement still learns of nodes that come and go after it.
    """
    process = lab.consumer("client.routers=zones", "router zones.zone=east", "retry.max_attempts=2")
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    lab.run(client.stamp(0.0))  # the route of this one is remembered
    service.fails = 1
    running = lab.begin(client.stamp(1.0))
    lab.advance(0.5)
    replace(lab, process, "router zones", zone="west")
    second = Stamped(lab.clock)
    lab.serve(second, name="b")
    lab.finish(running)
    assert (3, 1) == (service.begun, second.begun)


def test_a_place_in_the_attempt_stack(lab, service, notes):
    """
    A filter is put into the attempt stack from the INI, and runs once an attempt.
    """
    process = consumer(lab, "before BREAKER", MINE, "retry.max_attempts=3")
    service.fails = 2
    assert "old 3" == lab.run(process.application.client(Stamped).stamp(0.0))


def test_what_is_kept_for_each_node_outlasts_a_replacement(lab, notes):
    """
    Each node has its own filter in the attempt stack, and hands on what that has counted.
    """
    services = [Stamped(lab.clock) for _ in range(2)]
    for name, each in zip("ab", services, strict=True):
        lab.serve(each, name=name)
    process = consumer(lab, "after BREAKER", BY_NODE, "balancer.plugin=round_robin")
    client = process.application.client(Stamped)
    counts = [lab.run(client.stamp(0.0)) for _ in range(6)]
    assert ["old 1", "old 1", "old 2", "old 2", "old 3", "old 3"] == counts
    replace(lab, process, "filter mine", text="new")
    assert ["new 4", "new 4"] == [lab.run(client.stamp(0.0)) for _ in range(2)]
    lab.serve(Stamped(lab.clock), name="c")
    lab.advance(0.1)  # until it is connected
    assert "new 1" in [lab.run(client.stamp(0.0)) for _ in range(6)]
    assert 5 == len({id(note) for note in notes if note[1].startswith("node")})


def test_removing_from_the_attempt_stack(lab, service):
    """
    A place of the attempt stack is left out by its name in the INI.
    """
    process = lab.consumer("client.attempt_timeout=50ms", "client.remove=ATTEMPT_DEADLINE")
    lab.run(process.application.client(Stamped).stamp(1.0))
    assert 1 == service.begun


def test_a_servers_filter(lab, notes):
    """
    A server's filter is replaced under its calls, too; a stream keeps the one it came through.
    """
    sets = [MINE, "server.insert=mine after AUTH"]
    process = lab.serve(Stamped(lab.clock), Streams(lab.clock), sets=sets)
    client, streams = lab.client(Stamped), lab.client(Streams)
    stream = streams.tick(0.1)
    lab.run(anext(stream))
    running = lab.begin(client.stamp(1.0))
    lab.advance(0.5)
    replace(lab, process, "filter mine", text="new")
    assert "new 3" == lab.run(client.stamp(0.0))
    assert "old 2" == lab.finish(running)
    lab.advance(0.1)
    assert ("old", "stop") not in notes
    stream.cancel()
    lab.advance(1)
    gc.collect()
    lab.advance(0.1)
    assert ("old", "stop") in notes


def test_a_service_that_is_asked_for_meanwhile(lab, service, notes):
    """
    A client that is made while the plugins of others are started gets the new options too.
    """
    lab.serve(Other(lab.clock), name="b")
    process = consumer(lab)
    lab.run(process.application.client(Stamped).stamp(0.0))
    options = {"text": "new", "start_time": "1s"}
    running = lab.begin(process.application.policies.replace("filter mine", options))
    lab.advance(0.5)
    other = process.application.client(Other)
    assert "old 1" == lab.run(other.stamp(0.0))
    lab.finish(running)
    assert "new 2" == lab.run(other.stamp(0.0))


def test_what_does_not_start_meanwhile_is_refused(lab, service, notes):
    """
    If a plugin of a client that was made meanwhile cannot be started, nothing is replaced.
    """
    lab.serve(Other(lab.clock), name="b")
    process = consumer(lab)
    policies = process.application.policies
    clients = [process.application.client(Stamped)]
    lab.run(clients[0].stamp(0.0))
    options = {"text": "new", "start_time": "1s", "starts": "1"}
    running = lab.begin(policies.replace("filter mine", options))
    lab.advance(0.5)
    clients.append(process.application.client(Other))
    with pytest.raises(RuntimeError, match="it does not start"):
        lab.finish(running)
    assert "old" == policies.options("filter mine").text
    assert ["old 2", "old 1"] == [lab.run(client.stamp(0.0)) for client in clients]


def test_a_filter_that_cannot_be_bound_again(lab, service, monkeypatch):
    """
    If a stack cannot be built with the new options, the policy that has them changes nothing.
    """
    limits = ["client.limiters=concurrency", "limiter concurrency.max_calls=1"]
    process = lab.consumer(MINE, "client.insert=mine before ROUTING", "retry.plugin=never", *limits)
    client = process.application.client(Stamped)
    running = lab.begin(client.stamp(1.0))
    lab.advance(0.1)
    monkeypatch.setattr(Stamp, "bind", lambda filter, proceed: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replace(lab, process, "limiter concurrency", max_calls="2")
    with pytest.raises(Overloaded):
        lab.run(client.stamp(0.0))
    lab.finish(running)


def test_a_filter_at_two_places(lab, service, notes):
    """
    It is one filter that every call passes twice: one start, one stop, one replacement.
    """
    process = lab.consumer(MINE, "client.insert=mine before ROUTING, mine before BREAKER")
    client = process.application.client(Stamped)
    assert "old 2" == lab.run(client.stamp(0.0))
    replace(lab, process, "filter mine", text="new")
    assert "new 4" == lab.run(client.stamp(0.0))
    assert [1, 1] == [notes.count((text, "start")) for text in ("old", "new")]


def test_a_servers_filter_at_two_places(lab, notes):
    """
    So it is in a server.
    """
    sets = [MINE, "server.insert=mine after AUTH, mine before AUTH"]
    process = lab.serve(Stamped(lab.clock), sets=sets)
    client = lab.client(Stamped)
    assert "old 2" == lab.run(client.stamp(0.0))
    replace(lab, process, "filter mine", text="new")
    assert "new 4" == lab.run(client.stamp(0.0))
    assert [1, 1] == [notes.count((text, "start")) for text in ("old", "new")]


def test_a_client_that_was_made_meanwhile(lab, service, notes, monkeypatch):
    """
    A client that another thread made by the options before is brought up to date at once.
    """
    process = consumer(lab)
    policies = process.application.policies
    before = policies.plan("demo.Stamped")
    replace(lab, process, "filter mine", text="new")
    monkeypatch.setattr(policies, "plan", lambda service: before)
    client = process.application.client(Stamped)
    lab.advance(0.1)
    assert lab.run(client.stamp(0.0)).startswith("new")


def test_a_section_of_one_service_alone(lab, service):
    """
    A filter that only one service has is replaced with its service named, or without.
    """
    process = lab.consumer(MINE, "client demo.Stamped.insert=mine before ROUTING")
    client = process.application.client(Stamped)
    for name, text in (("", "all"), ("demo.Stamped", "one")):
        replace(lab, process, "filter mine", name, text=text)
        assert text == process.application.policies.options("filter mine", name).text
        assert lab.run(client.stamp(0.0)).startswith(text)
    assert "no policy of demo.Other" in refused(lab, process, "filter mine", "demo.Other")


def test_replacements_asked_for_at_once(lab, service):
    """
    They are done one after the other, and none is lost.
    """
    process = lab.consumer(MINE, BESIDE, "client.insert=mine before ROUTING, beside before mine")
    client = process.application.client(Stamped)
    policies = process.application.policies
    running = [
        lab.begin(policies.replace("filter mine", {"text": "m", "start_time": "1s"})),
        lab.begin(policies.replace("filter beside", {"text": "b"})),
        lab.begin(policies.replace("retry", {"max_attempts": "5"}, "demo.Stamped")),
    ]
    for each in running:
        lab.finish(each)
    assert ("m", "b", 5) == (
        policies.options("filter mine").text,
        policies.options("filter beside").text,
        policies.options("retry", "demo.Stamped").max_attempts,
    )
    assert lab.run(client.stamp(0.0)).startswith("m ")


def test_under_load(lab, notes):
    """
    Options are replaced a hundred times under calls that go on, and no call notices.

    Each goes by the options that were in use when it began, and no filter is stopped before
    its last call has ended.
    """
    for name in "abc":
        lab.serve(Stamped(lab.clock), name=name)
    process = consumer(lab)
    client = process.application.client(Stamped)
    lab.run(client.stamp(0.0))
    calls = []
    for number in range(100):
        calls += [lab.begin(client.stamp(0.01 * (each % 7))) for each in range(10)]
        replace(lab, process, "filter mine", text=f"t{number}")
        replace(lab, process, "balancer")
        replace(lab, process, "retry", max_attempts=str(2 + number % 3))
        lab.advance(0.005)
    stamped = [lab.finish(each).split()[0] for each in calls]

    begun_with = ["old", *(f"t{number}" for number in range(99))]
    assert begun_with == list(dict.fromkeys(stamped))
    lab.advance(1)
    gc.collect()
    lab.advance(1)
    for text in begun_with:
        told = [what for its, what in notes if its == text]
        assert "stop" == told[-1], text
        assert stamped.count(text) + (text == "old") == told.count("end")
        assert 1 == told.count("start") == told.count("stop")
    assert 1001 == process.application.clients[0].metrics.calls.succeeded
