"""
The first rules of a process: calls wait for them, and the last ones are on disk.
"""

from __future__ import annotations

import json
import os
from typing import ClassVar

import pytest

from rpcfw.app.rules.snapshots import RuleSnapshots
from rpcfw.errors import CallError, Cancelled, DeadlineExceeded
from rpcfw.spi.rules import Rules, RuleWatch
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.values.rule import Document, RuleSet, application_scope, service_scope
from tests.lab.services import Streams
from tests.lab.test_live_policies import Stamped
from tests.lab.test_rules import option, put, refusals, remove

SERVICE = service_scope("demo.Stamped")
SLOW = ("plugins.rules.slow=tests.lab.test_rules_start:SlowRules", "rules.plugin=slow")


class Awaited(RuleWatch):
    """
    A watch that has not reported yet.
    """

    def __init__(self, timer):
        self._timer = timer

    def close(self):
        if self._timer.active():
            self._timer.cancel()


class SlowRules(Rules):
    """
    Tells the rules of each service after a time: that a call that fails is not repeated.
    """

    delay_s: ClassVar[float] = 0.0
    refuses: ClassVar[bool] = False
    body: ClassVar[str] = "[attempts]\nplugin = failfast\n"

    def watch(self, scope, listener, on_refused=None):
        def tell():
            if self.refuses:
                on_refused("no permission")
                return
            documents = {}
            if "service" == scope.kind:
                documents["policies"] = Document("policies", self.body, 1)
            listener(RuleSet(scope, 1, documents))

        return Awaited(self.plugin_context.clock.callLater(self.delay_s, tell))

    async def read(self, scope):
        raise NotImplementedError

    put = remove = history = read


@pytest.fixture
def service(lab):
    service = Stamped(lab.clock, fails=1)
    lab.serve(service, name="a")
    return service


def outcome(lab, client, **options):
    """
    Make a call that fails once; return what became of it, and how long it took.
    """
    begun_at = lab.clock.seconds()
    try:
        found = lab.run(client.stamp(0.0, **options))
    except CallError as error:
        found = error
    return found, lab.clock.seconds() - begun_at


@pytest.mark.parametrize("running", [False, True])
def test_first_calls_wait(lab, service, monkeypatch, running):
    """
    A call goes by the rules, also if it is the first, and begun while the process starts.
    """
    monkeypatch.setattr(SlowRules, "delay_s", 0.5)
    process = lab.consumer(*SLOW) if running else lab.process("", (), *SLOW)
    client = process.application.client(Stamped)
    if not running:
        lab.start(process)
    found, seconds = outcome(lab, client)
    assert isinstance(found, CallError)
    assert seconds >= 0.5
    service.fails = 1
    assert outcome(lab, client)[1] < 0.1


def test_the_wait_is_bounded(lab, service, monkeypatch):
    """
    Without an answer calls go by the configuration after ``initial_timeout``, all that wait.
    """
    monkeypatch.setattr(SlowRules, "delay_s", 30.0)
    client = lab.consumer(*SLOW, "rules.initial_timeout=2s").application.client(Stamped)
    running = [lab.begin(client.stamp(0.0)) for _ in range(3)]
    lab.advance(1.9)
    assert not any(one.done for one in running)
    lab.advance(0.2)
    assert all(one.done for one in running)
    assert "" == running[0].value
    assert outcome(lab, client)[1] < 0.1


def test_nobody_need_wait(lab, service, monkeypatch):
    """
    With a timeout of zero the first call goes by the configuration.
    """
    monkeypatch.setattr(SlowRules, "delay_s", 30.0)
    client = lab.consumer(*SLOW, "rules.initial_timeout=0s").application.client(Stamped)
    found, seconds = outcome(lab, client)
    assert ("", True) == (found, seconds < 0.1)


def test_rules_that_may_not_be_read(lab, service, monkeypatch):
    """
    A refusal ends the wait.
    """
    monkeypatch.setattr(SlowRules, "refuses", True)
    client = lab.consumer(*SLOW).application.client(Stamped)
    found, seconds = outcome(lab, client)
    assert ("", True) == (found, seconds < 0.1)


def test_a_wrong_document_ends_the_wait(lab, service, monkeypatch):
    """
    What is refused is known, too.
    """
    monkeypatch.setattr(SlowRules, "body", "[attempts]\nplugin = failfst\n")
    process = lab.consumer(*SLOW)
    found, seconds = outcome(lab, process.application.client(Stamped))
    assert ("", True) == (found, seconds < 0.1)
    assert 1 == refusals(process)


def test_a_call_that_waits_has_its_own_limit(lab, service, monkeypatch):
    """
    It goes by the configuration when a tenth of its time is left.
    """
    monkeypatch.setattr(SlowRules, "delay_s", 30.0)
    service.fails = 0
    client = lab.consumer(*SLOW).application.client(Stamped)
    found, seconds = outcome(lab, client, timeout=0.3)
    assert ("", 0.27) == (found, pytest.approx(seconds, abs=0.01))


def test_a_call_without_a_registry_says_why(lab):
    """
    Its error names what was not known, and it is counted, as without rules.
    """
    lab.registry.leave()
    process = lab.consumer()
    found, seconds = outcome(lab, process.application.client(Stamped), timeout=0.3)
    assert isinstance(found, DeadlineExceeded)
    assert "has not said where demo.Stamped is" in found.message
    assert 0.3 == pytest.approx(seconds, abs=0.01)
    (client,) = process.application.clients
    assert ["stamp"] == [one.name for one in client.metrics.methods]


def test_streams_wait(lab, monkeypatch):
    """
    A stream is opened once the rules are known.
    """
    monkeypatch.setattr(SlowRules, "delay_s", 0.5)
    lab.serve(Streams(), name="s")
    client = lab.consumer(*SLOW).application.client(Streams)
    begun_at = lab.clock.seconds()

    async def read():
        return [text async for text in client.fill(3, 1)]

    assert 3 == len(lab.run(read()))
    assert lab.clock.seconds() - begun_at >= 0.5


def test_a_stop_ends_the_wait(lab, service, monkeypatch):
    """
    Calls that wait fail when the process stops.
    """
    monkeypatch.setattr(SlowRules, "delay_s", 30.0)
    process = lab.consumer(*SLOW)
    running = lab.begin(process.application.client(Stamped).stamp(0.0))
    lab.advance(0.1)
    lab.stop(process)
    with pytest.raises(Cancelled, match="has stopped"):
        lab.finish(running)


# The last rules on disk.


@pytest.fixture
def keep(tmp_path):
    return f"client.snapshot_dir={tmp_path}"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "rules" / "service%20demo.Stamped.json"


def ended(lab, service, keep, *bodies, name=""):
    """
    Have a process follow rules, and end; then the registry is away.
    """
    service.fails = 0
    process = lab.consumer(keep, name=name)
    lab.run(process.application.client(Stamped).stamp(0.0))
    for body in bodies:
        put(lab, process, SERVICE, body)
    lab.advance(1)
    return process


def restarted(lab, process, keep, name=""):
    lab.stop(process)
    lab.registry.leave()
    later = lab.consumer(keep, name=name)
    lab.run(later.application.client(Stamped).stamp(0.0))
    return later


def test_a_process_starts_with_its_last_rules(lab, service, keep):
    """
    While the registry is away a process goes by the rules that it knew, from the first call on.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n", name="shop")
    put(lab, process, application_scope("shop"), "[client]\ntimeout = 9s\n")
    begun_at = lab.clock.seconds()
    later = restarted(lab, process, keep, "shop")
    assert lab.clock.seconds() - begun_at < 0.1
    place = "policies of service demo.Stamped, version 1:2"
    assert ("4", place) == option(lab, later, "retry", "max_attempts")
    assert "9s" == option(lab, later, "client", "timeout")[0]


def test_what_the_registry_says_goes_before(lab, service, keep):
    """
    Rules that were changed or removed meanwhile are no longer used once the registry answers.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    lab.stop(process)
    other = lab.consumer()
    put(lab, other, SERVICE, "[retry]\nmax_attempts = 7\n")
    later = lab.consumer(keep)
    later.application.client(Stamped)
    lab.advance(1)
    assert "7" == option(lab, later, "retry", "max_attempts")[0]
    remove(lab, other, SERVICE)
    assert "" == option(lab, later, "retry", "max_attempts")[1]
    again = restarted(lab, later, keep)
    assert "" == option(lab, again, "retry", "max_attempts")[1]


def test_the_last_good_rules_are_kept(lab, service, keep):
    """
    A document that was refused is not on disk.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n", "[retry]\nx = 1\n")
    later = restarted(lab, process, keep)
    assert "4" == option(lab, later, "retry", "max_attempts")[0]
    assert 0 == refusals(later)


def test_calls_that_do_not_wait_for_rules(lab, service, keep, monkeypatch):
    """
    The last rules are used all the same, as soon as they are read.
    """
    load = RuleSnapshots.load

    async def slowly(snapshots, scope):
        await sleep(lab.clock, 0.05)
        return await load(snapshots, scope)

    monkeypatch.setattr(RuleSnapshots, "load", slowly)
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    lab.stop(process)
    lab.registry.leave()
    later = lab.consumer(keep, "rules.initial_timeout=0s")
    later.application.client(Stamped)
    lab.advance(0.1)
    assert "4" == option(lab, later, "retry", "max_attempts")[0]


def test_a_disk_that_does_not_answer(lab, service, keep, file, monkeypatch):
    """
    The rules of the registry are used without it, and replace what it has.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    lab.stop(process)
    remove(lab, lab.consumer(), SERVICE)
    monkeypatch.setattr(RuleSnapshots, "load", lambda self, scope: endless())
    later = lab.consumer(keep)
    later.application.client(Stamped)
    lab.advance(2)
    assert "" == option(lab, later, "retry", "max_attempts")[1]
    assert [] == json.loads(file.read_bytes())["documents"]


async def endless():
    await Waiter()


@pytest.mark.parametrize("there", [True, False])
def test_the_registry_has_wrong_rules_at_the_start(lab, service, keep, there):
    """
    The last good ones are in use, as they would be without the restart, and stay on disk.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    lab.stop(process)
    put(lab, lab.consumer(), SERVICE, "[retry]\nmax_atempts = 7\n")
    later = process = lab.consumer(keep)
    lab.run(later.application.client(Stamped).stamp(0.0))
    lab.advance(1)
    if not there:
        later = restarted(lab, process, keep)
    assert 1 == refusals(process)
    assert "4" == option(lab, later, "retry", "max_attempts")[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b'{"kind": "service", "name": "demo.Other", "version": 1, "documents": []}',
        b'{"kind": "service", "name": "demo.Stamped", "version": "1", "documents": []}',
        b'{"kind": "service", "name": "demo.Stamped", "version": 1, "documents": [{"kind": 1}]}',
        b" " * (8 << 20),
    ],
)
def test_a_file_that_is_none(lab, service, keep, file, content):
    """
    A file that cannot be read, is too large or is of another service changes nothing.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    file.write_bytes(content)
    later = restarted(lab, process, keep)
    assert "" == option(lab, later, "retry", "max_attempts")[1]


def test_a_document_on_disk_is_checked(lab, service, keep, file):
    """
    What somebody has written there is refused as it is from the registry.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    record = json.loads(file.read_bytes())
    record["documents"][0]["body"] = "[retry]\nmax_atempts = 5\n"
    file.write_text(json.dumps(record))
    later = restarted(lab, process, keep)
    assert 1 == refusals(later)
    assert "" == option(lab, later, "retry", "max_attempts")[1]


def test_a_fifo_holds_nobody_up(lab, service, keep, file):
    """
    Something else in the place of the file is not waited for.
    """
    process = ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    file.unlink()
    os.mkfifo(file)
    later = restarted(lab, process, keep)
    assert "" == option(lab, later, "retry", "max_attempts")[1]


def test_the_files_are_for_their_owner(lab, service, keep, file):
    """
    Others can neither read the folder nor the files.
    """
    ended(lab, service, keep, "[retry]\nmax_attempts = 4\n")
    assert (0o600, 0o700) == (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777)
