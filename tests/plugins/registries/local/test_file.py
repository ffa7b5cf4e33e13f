"""
The file registry.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from attrs import evolve
from twisted.internet.defer import ensureDeferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import WatchContract, an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.local import lines
from rpcfw_registries.local.file import FileOptions, FileRegistry
from rpcfw_registries.local.file_reading import read_file, read_text
from rpcfw_registries.local.lines import MAX_MISTAKES, instance_from_words
from tests.plugins.registries.still import StillTime


class TestFile(StillTime, WatchContract, TestCase):
    def prepare(self):
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "instances"
        self.records = {}
        self.write()
        self.said = []
        globalLogPublisher.addObserver(self.said.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.said.append)

    def registry(self):
        options = options_of(FileOptions, path=str(self.path))
        return FileRegistry(options, self.plugin_context)

    def write(self):
        """
        Put the file in place of the former one, as a careful writer does.
        """
        self.place(json.dumps(self.records))

    def place(self, text):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.path)

    async def put(self, instance):
        others = self.records.get(instance.service, [])
        record = json.loads(instance_to_json(instance))
        kept = [other for other in others if other["id"] != instance.id]
        self.records[instance.service] = [*kept, record]
        self.write()

    async def take(self, instance):
        others = self.records[instance.service]
        self.records[instance.service] = [one for one in others if one["id"] != instance.id]
        self.write()

    async def store_unreadable(self, service):
        self.records[service] = [{"id": 5}, 7, None, "nowhere", {"address": "nowhere"}]
        self.records[service] += [{"id": 5, "address": "10.0.0.5:1"}]
        self.write()
        # Written by hand: the next `put` looks for ids.
        self.records[service] = []
        await self.pass_time(1)

    async def refuse(self):
        self.place("[")

    async def permit(self):
        self.write()

    async def leave(self):
        self.path.rename(self.path.with_suffix(".away"))

    async def come_back(self):
        self.path.with_suffix(".away").rename(self.path)

    def warnings(self):
        """
        Return what was warned of.
        """
        return [event["complaint"] for event in self.said if event["log_level"] is LogLevel.warn]

    async def test_keeps_the_last_list_of_a_broken_file(self):
        """
        Half a file changes nothing, and is said once, not at every look.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        self.path.write_text(json.dumps(self.records)[:-20])
        await self.pass_time(30)
        assert [an_instance()] == told.last
        (warning,) = self.warnings()
        assert "the last good list is kept" in warning
        await self.put(an_instance(weight=1))
        await self.sees(told, an_instance(weight=1))
        assert 1 == len(self.warnings())

    async def test_goes_on_after_any_failure(self):
        """
        Whatever keeps the file from being read once, it is read the next time.
        """
        failures = [RuntimeError("can't start new thread"), MemoryError()]
        threads = self.plugin_context.threads

        class Exhausted:
            def call(self, function, *arguments):
                if failures:
                    raise failures.pop()
                return threads.call(function, *arguments)

        self.plugin_context = evolve(self.plugin_context, threads=Exhausted())
        self.watcher = await self.started()
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        assert ["MemoryError", "can't start new thread"] == [
            each.partition(": ")[2].partition(";")[0] for each in self.warnings()
        ]

    async def test_says_again_what_is_skipped_when_the_file_is_back(self):
        """
        A file that was away and comes back as it was is not taken for a sound one.
        """
        await self.store_unreadable("demo.Greeter")
        await self.leave()
        await self.pass_time(5)
        await self.come_back()
        await self.pass_time(5)
        skipped, away, again = self.warnings()
        assert skipped == again
        assert "and 1 more" in skipped
        assert "cannot be used" in away

    async def test_says_that_mistakes_were_not_all_counted(self):
        """
        Where more mistakes may be than are kept, their number is the least.
        """
        self.place("x\n" * 5000 + "demo.Greeter = 10.0.0.5:1")
        told, _ = self.watched()
        await self.pass_time(5)
        assert 1 == len(told.last)
        assert self.warnings()[-1].endswith(f"and {MAX_MISTAKES - 5} more at least")

    async def test_tells_only_who_is_concerned(self):
        """
        A new file in which a service is as before is no news for its watches.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        before = len(told.snapshots)
        await self.put(an_instance("demo.Other"))
        await self.pass_time(5)
        assert before == len(told.snapshots)

    async def test_ignores_announcements(self):
        """
        Announcing is accepted, does nothing, and is said once.
        """
        told, _ = self.watched()
        await self.sees(told)
        await self.watcher.announce(an_instance())
        await self.watcher.announce(an_instance())
        await self.watcher.withdraw(an_instance())
        await self.pass_time(5)
        assert [] == told.last
        said = [event for event in self.said if "ignored" in event["log_format"]]
        assert 1 == len(said)

    async def test_forgets_what_the_file_no_longer_names(self):
        """
        A service that is no longer in the file has no instances, and is known by name.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        self.place("{}")
        await self.sees(told)
        assert ("demo.Greeter",) == await self.watcher.services()

    async def test_may_be_stopped_unstarted(self):
        """
        Stopping a registry that never started does no harm.
        """
        await self.registry().stop()

    async def test_services_need_a_file(self):
        """
        Before the file was ever read nothing can be said of services.
        """
        await self.leave()
        registry = self.registry()
        with pytest.raises(RegistryError, match="not been read yet"):
            await registry.services()
        await registry.start()
        with pytest.raises(RegistryError, match="No such file"):
            await registry.services()
        await registry.stop()

    async def test_stops_looking_when_it_stops(self):
        """
        Nothing is left on the clock.
        """
        registry = self.registry()
        await registry.start()
        running = len(self.clock.getDelayedCalls())
        await ensureDeferred(registry.stop())
        assert running - 1 == len(self.clock.getDelayedCalls())


def test_reads_lines_as_well():
    """
    A file may hold one service on each line, as the static registry has it.
    """
    services, mistakes = read_text("demo.Greeter = 10.0.0.5:1 weight=3, 10.0.0.6:1\n")
    assert [] == mistakes
    assert [3, 100] == [instance.weight for instance in services["demo.Greeter"]]


def test_reads_short_records():
    """
    In JSON a record may be text, or an object with no more than an address.
    """
    text = '{"demo.Greeter": ["10.0.0.5:1 weight=3", {"address": "10.0.0.6:1", "weight": 4}]}'
    services, mistakes = read_text(text)
    assert [] == mistakes
    assert [("tcp:10.0.0.5:1", 3), ("tcp:10.0.0.6:1", 4)] == [
        (instance.id, instance.weight) for instance in services["demo.Greeter"]
    ]


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "{" + '"a":[' * 100_000, "something else"])
def test_refuses_what_is_no_list(text):
    """
    What is no list of instances at all is refused whole, however deep it goes.
    """
    with pytest.raises(ValueError, match="JSON"):
        read_text(text)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("10.0.0.5:1 zone=a\u202eb", "zone of an instance has characters that control"),
        ("10.0.0.5:1 id=" + "a" * 257, "id of an instance has 257 characters, more than 256"),
        ("10.0.0.5:1 tags.rack=" + "a" * 16_385, "tags of an instance has 16385 characters"),
        ("10.0.0.5:1 weight=1000001", "has a weight that is not between 0 and 1000000"),
        ("10.0.0.5:1 weight=" + "9" * 5000, "weight=999"),
        ("", "an entry is empty; expected ADDRESS"),
    ],
)
def test_texts_of_a_file_have_the_limits_of_records(entry, reason):
    """
    What a file says of an instance in text is bounded as what a registry's record says.
    """
    services, mistakes = read_text(json.dumps({"demo.Greeter": [entry, "10.0.0.6:1"]}))
    assert ["10.0.0.6:1"] == [str(one.address)[4:] for one in services["demo.Greeter"]]
    assert reason in mistakes[0]
    assert len(mistakes[0]) <= 300


LONG = "z" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        f"demo.Greeter = 10.0.0.5:1 {LONG}",
        f"demo.Greeter = 10.0.0.5:1 weight={LONG}",
        f"demo.Greeter = {LONG}",
        f"{LONG} = 10.0.0.5",
        f"a = 10.0.0.5:1\n{LONG}",
        json.dumps({"demo.Greeter": [LONG]}),
        json.dumps({LONG: ["x"]}),
    ],
)
def test_a_mistake_is_told_in_few_characters(text):
    """
    A file of one long line makes no long error and no long line in the log.
    """
    _, mistakes = read_text(text)
    assert [True] == [len(mistake) < 350 for mistake in mistakes]


@pytest.mark.parametrize(
    "text", ["a = 10.0.0.5:1\n" + "x\n" * 5000, json.dumps({"a": ["10.0.0.5:1", *"x" * 5000]})]
)
def test_so_many_mistakes_are_kept(text):
    """
    A file whose every line is wrong takes little memory beside its text.
    """
    services, mistakes = read_text(text)
    assert 1 == len(services["a"])
    assert MAX_MISTAKES == len(mistakes)


def test_an_instance_that_is_written_twice():
    """
    The first of two with one id counts.
    """
    services, mistakes = read_text("a = 10.0.0.5:1 id=one, 10.0.0.6:1 id=one, 10.0.0.7:1 id=two")
    assert ["10.0.0.5:1", "10.0.0.7:1"] == [str(one.address)[4:] for one in services["a"]]
    assert ["a: one stands there twice"] == mistakes


class Id(str):
    """
    A text that counts how often it is compared.
    """

    __slots__ = ()
    __hash__ = str.__hash__
    compared = 0

    def __eq__(self, other):
        Id.compared += 1
        return str.__eq__(self, other)


def test_reading_many_lines_compares_each_with_few(monkeypatch):
    """
    The work of reading a file grows with its lines, not with their square.
    """

    def counted(service, text):
        made = instance_from_words(service, text)
        return evolve(made, id=Id(made.id))

    monkeypatch.setattr(lines, "instance_from_words", counted)
    text = "a = " + ", ".join(f"10.0.0.5:1 id=i{number}" for number in range(300))
    services, _ = lines.instances_from_lines(text)
    assert 300 == len(services["a"])
    assert Id.compared < 3000


def test_a_file_of_one_long_line():
    """
    Likewise if nothing in the file can be read.
    """
    with pytest.raises(ValueError, match="neither JSON nor one service") as caught:
        read_text(LONG)
    assert len(str(caught.value)) < 400


def test_reads_no_more_than_the_limit(tmp_path):
    """
    A file over the limit is not taken into memory.
    """
    path = tmp_path / "instances"
    path.write_text("#" * 1001)
    with pytest.raises(ValueError, match="larger than max_bytes = 1000B"):
        read_file(path, None, 1000)


def test_reads_only_what_has_changed(tmp_path):
    """
    A file that is as it was is opened and not read.
    """
    path = tmp_path / "instances"
    path.write_text("demo.Greeter = 10.0.0.5:1")
    reading = read_file(path, None, 1000)
    assert read_file(path, reading.stamp, 1000) is None
    path.write_text("demo.Greeter = 10.0.0.5:17")
    assert read_file(path, reading.stamp, 1000) is not None
