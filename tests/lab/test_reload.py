"""
A configuration that is read again while the process runs.
"""

from __future__ import annotations

import json

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw.app.reload.reloader import Reloader
from rpcfw.errors import Overloaded, PermissionDenied, SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.values.rule import Author, service_scope
from tests.lab.services import Greeter

GREETER = service_scope("demo.Greeter")


class Reloaded:
    """
    A process and its configuration, which a test edits.

    Args:
        process: not yet started, or running.
        sets: its options, as ``section.key=value``.
    """

    def __init__(self, lab, process, *sets):
        self.lab = lab
        self.application = process.application
        own = ["registry.plugin=memory", f"app.name={process.name}"]
        own.append(f"server.listen=memory:{process.name}")
        self.options = dict(each.split("=", 1) for each in (*own, *sets))
        self.reloader = Reloader(self.application, self.read)

    def read(self):
        sets = [f"{name}={text}" for name, text in self.options.items()]
        return Sources.load((), {}, sets)

    def edit(self, **options):
        """
        Change options; ``__`` stands for the dot.
        """
        self.options.update({key.replace("__", ".", 1): text for key, text in options.items()})

    def reload(self, **options):
        self.edit(**options)
        return self.lab.run(self.reloader.reload())


def provider(lab, *sets):
    greeter = Greeter("a", lab.clock)
    process = lab.serve(greeter, name="a", sets=sets)
    return Reloaded(lab, process, *sets)


def consumer(lab, *sets):
    return Reloaded(lab, lab.consumer(*sets, name="c"), *sets)


def client_options(reloaded):
    return reloaded.application.policies.options("client", "demo.Greeter")


def test_options_of_policies(lab):
    """
    Options, plugins and lists of policies change, for clients that there are and for later ones.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    process = consumer(lab, "client.timeout=3s")
    client = process.application.client(Greeter)
    lab.run(client.who())
    done = process.reload(client__timeout="7s", balancer__plugin="p2c", retry__max_attempts="9")
    names = ("[client] timeout", "[balancer] plugin", "[retry] max_attempts")
    assert (names, ()) == (done.changed, done.waiting)
    assert 7 == client_options(process).timeout
    assert 9 == process.application.policies.options("retry", "demo.Greeter").max_attempts
    balancer = lab.run(process.application.explain(Greeter.who)).balancer
    assert "p2c" == balancer.name
    assert "a" == lab.run(client.who())


def test_what_cannot_change(lab):
    """
    It keeps its value, is named each time, and nothing else is kept from changing.
    """
    process = consumer(lab, "client.warm_up=1m", "client.timeout=3s")
    done = process.reload(client__warm_up="2m", client__timeout="4s", app__shutdown_timeout="9s")
    waiting = ("[app] shutdown_timeout", "[client] warm_up")
    assert (("[client] timeout",), waiting) == (done.changed, done.waiting)
    found = client_options(process)
    assert (4, 60) == (found.timeout, found.warm_up)
    again = process.reload()
    assert ((), set(waiting)) == (again.changed, {*again.waiting})
    process.options.pop("app.shutdown_timeout")
    back = process.reload(client__warm_up="1m")
    assert ((), ()) == (back.changed, back.waiting)


def test_an_option_that_is_left_out(lab):
    """
    An option that is no longer in the configuration has its default again.
    """
    process = consumer(lab, "client.timeout=9s")
    del process.options["client.timeout"]
    assert ("[client] timeout",) == process.reload().changed
    assert 3 == client_options(process).timeout


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"client__timout": "1s"}, "did you mean 'timeout'"),
        ({"client__timeout": "soon"}, "[client] timeout"),
        ({"balancer__plugin": "p3c"}, "p2c"),
        ({"server__listen": "nowhere"}, "[server] listen"),
    ],
)
def test_a_mistake(lab, mistake, said):
    """
    Nothing changes, the log has the mistake as a check of the configuration has it.
    """
    process = consumer(lab, "client.timeout=3s")
    with pytest.raises(SettingsError) as caught:
        process.reload(client__stream_timeout="5s", **mistake)
    assert said in str(caught.value)
    assert client_options(process).stream_timeout != 5
    with capturedLogs() as logged:
        process.reloader.begin()
        lab.advance(0.1)
    lines = [text for text in map(formatEvent, logged) if "is not reloaded: " in text]
    assert list(caught.value.mistakes) == [line.partition("reloaded: ")[2] for line in lines]


def test_rules_stay_over_the_configuration(lab):
    """
    What rules and the program give counts after a reload as before.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    process = consumer(lab, "client.timeout=3s", "retry.max_attempts=2")
    lab.run(process.application.client(Greeter).who())
    rules = process.application.rules
    author = Author("ops@here", "")
    lab.run(rules.put(GREETER, "policies", "[client]\ntimeout = 1s\n", 0, author))
    lab.run(process.application.policies.replace("retry", {"max_attempts": "5"}))
    lab.advance(0.1)
    process.reload(client__timeout="8s", client__stream_timeout="6s", retry__max_attempts="3")
    found = client_options(process)
    assert (1, 6) == (found.timeout, found.stream_timeout)
    assert 5 == process.application.policies.options("retry", "demo.Greeter").max_attempts
    lab.run(rules.remove(GREETER, "policies", 1, author))
    lab.run(process.application.policies.replace("retry", {}))
    lab.advance(0.1)
    assert 8 == client_options(process).timeout
    assert 3 == process.application.policies.options("retry", "demo.Greeter").max_attempts


def test_what_is_announced(lab):
    """
    Weight, zone and tags are announced anew, under the same id and with the same start.
    """
    process = provider(lab, "server.weight=100")
    (before,) = lab.registry.instances("demo.Greeter")
    lab.advance(60)
    done = process.reload(server__weight="30", server__zone="b", server__tags="disk=new")
    assert () == done.waiting
    lab.advance(0.1)
    (after,) = lab.registry.instances("demo.Greeter")
    assert (30, "b", {"disk": "new"}) == (after.weight, after.zone, after.tags)
    assert (before.id, before.started_at) == (after.id, after.started_at)
    lab.stop(lab.processes[0])
    assert () == lab.registry.instances("demo.Greeter")


def test_what_is_offline_stays_so(lab):
    """
    An instance that is offline is announced with its new weight when it comes back.
    """
    process = provider(lab, "server.weight=100")
    rules, author = process.application.rules, Author("ops@here", "")
    lab.run(rules.put(GREETER, "instances", "[instance memory:a]\noffline = yes\n", 0, author))
    lab.advance(0.1)
    process.reload(server__weight="30")
    lab.advance(0.1)
    assert () == lab.registry.instances("demo.Greeter")
    lab.run(rules.remove(GREETER, "instances", 1, author))
    lab.advance(0.1)
    assert [30] == [one.weight for one in lab.registry.instances("demo.Greeter")]


def test_limiters_of_a_server(lab):
    """
    A limiter of the server lets more calls pass at once; calls that are open go on.
    """
    sets = ("server.limiters=concurrency", "limiter concurrency.max_calls=1")
    process = provider(lab, *sets)
    client = lab.consumer("retry.plugin=never").application.client(Greeter)
    held = lab.begin(client.slow_write(2))
    lab.advance(0.1)
    with pytest.raises(Overloaded):
        lab.run(client.who())
    process.options["limiter concurrency.max_calls"] = "3"
    assert ("[limiter concurrency] max_calls",) == process.reload().changed
    assert "a" == lab.run(client.who())
    assert "a" == lab.finish(held)


def test_many_signals_are_few_reloads(lab):
    """
    Reloads that are asked for within a second of the last one are done as one, by the last files.
    """
    process = consumer(lab, "client.timeout=3s")
    read, reads = process.read, []
    process.reloader._read = lambda: reads.append(lab.clock.seconds()) or read()  # noqa: SLF001
    for number in range(50):
        process.edit(client__timeout=f"{number + 4}s")
        process.reloader.begin()
        lab.advance(0.01)
    assert 1 == len(reads)
    lab.advance(1.0)
    assert 2 == len(reads)
    assert 53 == client_options(process).timeout
    lab.advance(60.0)
    assert 2 == len(reads)
    process.reloader.begin()
    lab.advance(0.01)
    assert 3 == len(reads)


def test_the_log(lab):
    """
    It names what has changed and what waits for a restart, without values: some are secret.
    """
    process = consumer(lab, "client.timeout=3s")
    process.edit(client__timeout="4s", app__shutdown_timeout="9s")
    with capturedLogs() as logged:
        process.reloader.begin()
        process.reloader.begin()
        lab.advance(0.1)
    lines = [formatEvent(event) for event in logged]
    assert "the configuration is reloaded; changed: [client] timeout" in lines
    waiting = "these options cannot change while the process runs, and wait for a restart: "
    assert f"{waiting}[app] shutdown_timeout" in lines


ACCESS = {
    "server.insert": "access after AUTH",
    "filter access.rules": "deny method=say",
    "filter access.default": "allow",
}


def test_a_filter_that_a_server_gets_at_a_restart(lab):
    """
    Its section waits together with the list that names it, and holds nothing else up.
    """
    process = provider(lab, "client.timeout=3s")
    process.options.update(ACCESS)
    done = process.reload(client__timeout="4s")
    assert ("[client] timeout",) == done.changed
    assert {"[server] insert", "[filter access] rules", "[filter access] default"} == {
        *done.waiting
    }


def test_a_filter_that_a_server_loses_at_a_restart(lab):
    """
    Until then it is in use with its options, though the configuration has them no longer.
    """
    process = provider(lab, *(f"{name}={text}" for name, text in ACCESS.items()))
    greeter = lab.consumer(name="other").application.client(Greeter)
    for name in ACCESS:
        del process.options[name]
    done = process.reload(client__timeout="4s")
    assert ("[client] timeout",) == done.changed
    assert 3 == len(done.waiting)
    with pytest.raises(PermissionDenied):
        lab.run(greeter.say("bob"))
    process.options.update(ACCESS)
    assert ((), ()) == (process.reload().changed, process.reload().waiting)


def test_a_section_of_a_filter_of_clients_too(lab):
    """
    If clients use it at once, its options do not wait for the server's restart.
    """
    process = provider(lab)
    done = process.reload(
        server__insert="audit after ACCESS_LOG",
        client__insert="audit before ATTEMPTS",
        **{"filter audit__calls": "all"},
    )
    assert {"[client] insert", "[filter audit] calls"} == {*done.changed}
    assert ("[server] insert",) == done.waiting


def test_what_needs_an_option_that_waits(lab):
    """
    It is refused, and the error says for which option it has to wait.
    """
    process = consumer(lab)
    mine = {"plugins__filters.mine": "tests.lab.filters:Stamp"}
    with pytest.raises(SettingsError) as caught:
        process.reload(client__insert="mine before ATTEMPTS", **mine)
    assert "no plugin is called 'mine'" in caught.value.mistakes[0]
    assert caught.value.mistakes[-1].endswith("wait: [plugins] filters.mine")


@pytest.mark.parametrize("rules_known", [True, False])
def test_facts_change_before_the_announcement(lab, rules_known):
    """
    A server that is still starting is announced with the weight that was reloaded meanwhile.
    """
    delay = () if not rules_known else ("server.announce_delay=4s",)
    process = lab.process("a", [Greeter("a", lab.clock)], *delay)
    if not rules_known:
        process.application.server.offline.expect("demo.Unanswered")
    starting = lab.begin(process.application.start())
    lab.advance(3)
    assert () == lab.registry.instances("demo.Greeter")
    Reloaded(lab, process, *delay).reload(server__weight="7")
    lab.advance(3)
    lab.finish(starting)
    assert [7] == [one.weight for one in lab.registry.instances("demo.Greeter")]


def test_a_service_config_waits(lab, tmp_path):
    """
    What its file holds now is neither used nor shown by ``explain``, whatever else changes.
    """
    file = tmp_path / "config.json"

    def write(timeout):
        config = {"methodConfig": [{"name": [{"service": "demo.Greeter"}], "timeout": timeout}]}
        file.write_text(json.dumps(config))

    write("1s")
    lab.serve(Greeter("a", lab.clock), name="a")
    process = consumer(lab, f"client.service_config={file}")
    client = process.application.client(Greeter)
    lab.run(client.who())
    write("2s")
    process.reload(client__stream_timeout="9s")
    explained = lab.run(process.application.explain(Greeter.who))
    (says,) = (one.says for one in explained.policies if one.kind == "service_config")
    assert 1 == explained.timeout_s
    assert "1 s" in says
