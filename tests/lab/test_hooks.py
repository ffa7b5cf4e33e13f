"""
Hooks of services and plugins that go wrong, or are not what one would expect.
"""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.empty_pb2 import Empty
from twisted.internet.defer import CancelledError, Deferred

from rpcfw import CallError, Service, method
from rpcfw.codegen.dynamic import services_from_set
from rpcfw.errors import SetupError
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import Waiter, sleep
from tests.lab.services import Greeter
from tests.unit.codegen.descriptors import file

PARTING = """
name: "parting.proto" package: "demo" syntax: "proto3" dependency: "google/protobuf/empty.proto"
service {
  name: "Parting"
  method { name: "Started" input_type: ".google.protobuf.Empty" output_type: ".google.protobuf.Empty" }
  method { name: "Leaving" input_type: ".google.protobuf.Empty" output_type: ".google.protobuf.Empty" }
  method { name: "Stopped" input_type: ".google.protobuf.Empty" output_type: ".google.protobuf.Empty" }
}
"""  # noqa: E501 - text format


class Other(Service, name="demo.Other"):
    """
    Notes what it is told.
    """

    def __init__(self):
        self.seen = []

    @method
    async def ping(self) -> str:
        return "pong"

    def started(self):
        self.seen.append("started")

    def leaving(self):
        self.seen.append("leaving")

    def stopped(self):
        self.seen.append("stopped")


ALL = ["started", "leaving", "stopped"]


def test_methods_that_are_called_as_hooks_are(lab):
    """
    A proto file's methods Started, Leaving and Stopped are served, and no stop calls them.
    """
    (base,) = services_from_set(
        FileDescriptorSet(file=[file(PARTING)]).SerializeToString()
    ).values()
    calls = []

    class Parting(base):
        async def leaving_(self, request):
            calls.append("leaving")
            await sleep(lab.clock, 1)
            return Empty()

        async def started_(self, request):
            calls.append("started")
            return Empty()

    process = lab.serve(Parting())
    client = lab.client(base)
    lab.run(client.started_(Empty()))
    held = lab.begin(client.leaving_(Empty()))
    lab.advance(0.5)
    lab.stop(process)
    assert b"" == held.value.SerializeToString()
    assert ["started", "leaving"] == calls


class Wrong:
    """
    What hooks may do that they should not.
    """

    @staticmethod
    async def raises(clock):
        raise KeyError("of the hook")

    @staticmethod
    def raises_plainly(clock):
        raise KeyError("of the hook")

    @staticmethod
    async def cancels_its_own(clock):
        raise asyncio.CancelledError

    @staticmethod
    async def cancels_its_own_deferred(clock):
        deferred = Deferred()
        deferred.cancel()
        await deferred

    @staticmethod
    async def hangs(clock):
        await Waiter()

    @staticmethod
    def hangs_in_a_deferred(clock):
        return Deferred()

    @staticmethod
    async def does_not_let_itself_be_cancelled(clock):
        while True:
            try:
                await Waiter()
            except CancelledError:
                continue

    @staticmethod
    async def exits(clock):
        raise SystemExit(1)


WRONG = [name for name in vars(Wrong) if not name.startswith("_")]


@pytest.mark.parametrize("hook", ["leaving", "stopped"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_hook_breaks_nothing_off(lab, hook, wrong):
    """
    Whatever a hook does as the server stops, the open call ends well, and every other hook runs.
    """
    first, last = Other(), Other()
    behave = getattr(Wrong, wrong)

    class Misbehaving(Greeter):
        pass

    setattr(Misbehaving, hook, lambda self: behave(lab.clock))

    class Last(Other, name="demo.Last"):
        pass

    last = Last()
    process = lab.serve(first, Misbehaving("a", lab.clock), last)
    held = lab.begin(lab.client(Greeter).slow_write(2))
    lab.advance(0.5)
    began_at = lab.clock.seconds()
    lab.stop(process)

    assert "a" == held.value
    assert [ALL, ALL] == [first.seen, last.seen]
    assert lab.clock.seconds() - began_at < 11
    lab.errors.flush(KeyError, asyncio.CancelledError, CancelledError, SystemExit)


def test_a_service_that_did_not_start_is_not_told_of_an_end(lab):
    """
    Only services whose started() ended well are told that the server leaves, and are stopped.
    """
    seen = []

    class Fails(Greeter):
        async def started(self):
            raise KeyError("no database")

        async def leaving(self):
            seen.append("leaving")

        async def stopped(self):
            seen.append("stopped")

    class Later(Other, name="demo.Later"):
        pass

    other, later = Other(), Later()
    with pytest.raises(SetupError, match="no database"):
        lab.start(lab.process("p", [other, Fails(), later]))
    assert ([], ALL, []) == (seen, other.seen, later.seen)


@pytest.mark.parametrize("wrong", [name for name in WRONG if "hangs" in name or "does" in name])
def test_a_start_that_hangs_has_its_limit(lab, wrong):
    """
    A start that waits too long for one service fails, names it, and is undone.
    """
    behave = getattr(Wrong, wrong)

    class Hangs(Greeter):
        def started(self):
            return behave(lab.clock)

    other = Other()
    process = lab.process("p", [other, Hangs()], "server.startup_timeout=20s")
    with pytest.raises(
        SetupError, match=r"Hangs\.started\(\) had not ended within startup_timeout"
    ):
        lab.start(process)
    assert ALL == other.seen


def test_a_start_that_cancels_something_of_its_own(lab):
    """
    A cancellation that escapes from started() is an error of it, and not taken for a signal's.
    """

    class Cancels(Greeter):
        async def started(self):
            raise asyncio.CancelledError

    with pytest.raises(SetupError, match=r"Cancels\.started\(\) let the cancellation"):
        lab.start(lab.process("p", [Cancels()]))


class PlainFilter(Filter):
    """
    Has hooks that are plain functions; the second one fails.
    """

    notes: list = []  # noqa: RUF012 - shared, so that the test sees it

    def start(self):
        self.notes.append("start")

    def stop(self):
        self.notes.append("stop")
        raise KeyError("of the filter")

    async def apply(self, call, proceed):
        return await proceed(call)


@pytest.mark.parametrize("side", ["server", "client"])
def test_plugins_have_plain_hooks_too(lab, side):
    """
    Plain functions start and stop a plugin as well, and one that fails is logged.
    """
    PlainFilter.notes.clear()
    sets = (
        "plugins.filters.mine=tests.lab.test_hooks:PlainFilter",
        f"{side}.insert=mine after DEADLINE",
    )
    provider = lab.serve(Greeter("a"), sets=sets if side == "server" else ())
    consumer = lab.consumer(*(sets if side == "client" else ()))
    assert "a" == lab.run(consumer.application.client(Greeter).who())
    for process in (consumer, provider):
        lab.stop(process)
    assert ["start", "stop"] == PlainFilter.notes
    assert 1 == len(lab.errors.flush(KeyError))


def test_a_method_ends_before_its_service(lab):
    """
    A method that is given up at drain_timeout has its time to clean up before stopped() runs.
    """
    seen = []

    class Cleaning(Greeter):
        @method
        async def long(self) -> str:
            try:
                await Waiter()
            finally:
                await sleep(lab.clock, 1)
                seen.append("cleaned up")

        async def stopped(self):
            seen.append("stopped")

    process = lab.serve(Cleaning(), sets=["server.drain_timeout=1s"])
    held = lab.begin(lab.client(Cleaning).long(timeout=60))
    lab.advance(0.5)
    lab.stop(process)
    assert ["cleaned up", "stopped"] == seen
    with pytest.raises(CallError):
        lab.finish(held)
