"""
The promises of `rpcfw.spi.rules` as tests, for every place of rules to pass.

As of `rpcfw.testing.contracts.registry`: for ``twisted.trial.unittest.TestCase``, with any
kind of time. A hook that a place cannot offer stays as it is, and its tests are skipped.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from unittest import SkipTest

from twisted.internet.defer import Deferred

from rpcfw.errors import RegistryError
from rpcfw.spi.rules import RuleConflict, Rules, RuleWatch
from rpcfw.testing.contracts.registry_case import ODD_SERVICES, RegistryCase
from rpcfw.values.rule import (
    MAX_DOCUMENT_BYTES,
    Author,
    RuleSet,
    Scope,
    application_scope,
    service_scope,
)

__all__ = ["ReceivedRules", "RulesContract"]

SHOP = service_scope("demo.Shop")
BOB = Author("bob@here", "too slow")
EVE = Author("eve@there")


class ReceivedRules:
    """
    A listener that remembers what it received.
    """

    def __init__(self) -> None:
        self.sets: list[RuleSet] = []
        #: Reasons for which the watch was refused.
        self.refusals: list[str] = []

    def __call__(self, rules: RuleSet) -> None:
        self.sets.append(rules)

    @property
    def last(self) -> dict[str, str] | None:
        """
        The last documents as text, by kind; None before the first.
        """
        if not self.sets:
            return None
        return {kind: one.body for kind, one in self.sets[-1].documents.items()}

    @property
    def versions(self) -> list[int]:
        """
        The versions that were reported.
        """
        return [one.version for one in self.sets]


class RulesContract(RegistryCase):
    """
    What holds for every place of rules.
    """

    @abstractmethod
    async def started_rules(self) -> Rules:
        """
        Return one more user of the same place, started, to be stopped after the test.

        Each test has a place of its own, with nothing in it.
        """

    async def leave(self) -> None:
        """
        Make the place unreachable. Requests fail, and watches end.
        """
        raise SkipTest("this place is never away")

    async def come_back(self) -> None:
        """
        Make the place reachable again.
        """
        raise AssertionError("who overrides `leave` overrides this as well")

    async def lose_session(self, rules: Rules) -> None:
        """
        End the session of ``rules``, as a server does after its timeout.
        """
        raise SkipTest("this place has no sessions")

    async def compact(self) -> None:
        """
        Have the place forget its own history of changes.
        """
        raise SkipTest("this place keeps no history that is compacted")

    async def lose_everything(self) -> None:
        """
        Have the place lose its data, as a server without a disk does when it restarts.
        """
        raise SkipTest("this place keeps its data")

    async def store_unreadable(self, scope: Scope) -> None:
        """
        Put a record of a scope there that is none.
        """
        raise SkipTest("nothing unreadable can get into this place")

    async def back_up(self) -> object:
        """
        Return all data of the place, for `restore`.
        """
        raise SkipTest("this place has no backups")

    async def restore(self, data: object) -> None:
        """
        Replace the data of the place by that of a backup.
        """
        raise AssertionError("who overrides `back_up` overrides this as well")

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.writer = await self.started_rules()
        self.reader = await self.started_rules()

    def watched(self, scope: Scope = SHOP) -> tuple[ReceivedRules, RuleWatch]:
        """
        Watch a scope, and return what the listener receives.
        """
        received = ReceivedRules()
        watch = self.reader.watch(scope, received, received.refusals.append)
        self.addCleanup(watch.close)
        return received, watch

    async def put(self, body: str, kind: str = "policies", scope: Scope = SHOP) -> int:
        """
        Store a document whatever is there, and return its version.
        """
        now = (await self.done(self.writer.read(scope))).documents.get(kind)
        version = 0 if now is None else now.version
        stored = await self.done(self.writer.put(scope, kind, body, version, BOB))
        return stored.version

    async def sees(self, received: ReceivedRules, **documents: str) -> None:
        """
        Return once ``received`` has exactly these documents last.
        """
        await self.until(
            lambda: received.last == documents, f"{documents} instead of {received.last}"
        )

    async def fails(self, request: Deferred[object]) -> RegistryError:
        """
        Return the error that a request ends with.
        """
        await self.until(lambda: request.called, "the request ends")
        try:
            await request
        except RegistryError as error:
            return error
        raise AssertionError("the request was done")

    async def test_returns_what_was_put(self) -> None:
        """
        A document is read by others as it was put, with who, when and why.
        """
        stored = await self.done(self.writer.put(SHOP, "policies", "[retry]\nä = 1\n", 0, BOB))
        found = await self.done(self.reader.read(SHOP))
        assert {"policies": stored} == dict(found.documents)
        assert (
            stored.body,
            stored.who,
            stored.reason,
        ) == ("[retry]\nä = 1\n", "bob@here", "too slow")
        assert stored.version == found.version > 0

    async def test_knows_no_document_at_first(self) -> None:
        """
        A scope that nobody has written has version 0, and a watch of it says so.
        """
        assert RuleSet(SHOP) == await self.done(self.reader.read(SHOP))
        assert await self.done(self.reader.history(SHOP)) == ()
        received, _ = self.watched()
        await self.sees(received)
        assert received.versions == [0]

    async def test_refuses_who_has_read_another_version(self) -> None:
        """
        A conflict says who has changed the document meanwhile, and changes nothing.
        """
        first = await self.put("one")
        await self.done(self.writer.put(SHOP, "policies", "two", first, EVE))
        for version in 0, first, first + 5:
            error = await self.fails(
                Deferred.fromCoroutine(self.reader.put(SHOP, "policies", "mine", version, BOB))
            )
            assert isinstance(error, RuleConflict)
            assert "eve@there" in str(error)
        error = await self.fails(
            Deferred.fromCoroutine(self.reader.remove(SHOP, "policies", first, BOB))
        )
        assert isinstance(error, RuleConflict)
        found = await self.done(self.reader.read(SHOP))
        assert found.documents["policies"].body == "two"

    async def test_stores_one_of_two_at_the_same_moment(self) -> None:
        """
        Of two changes of what both have read, one is stored and the other is refused.
        """
        both = [
            Deferred.fromCoroutine(each.put(SHOP, "policies", name, 0, Author(name)))
            for name, each in (("a", self.writer), ("b", self.reader))
        ]
        await self.until(lambda: all(one.called for one in both), "both end")
        outcomes = []
        for one in both:
            try:
                outcomes.append((await one).body)
            except RuleConflict:
                outcomes.append("")
        found = await self.done(self.reader.read(SHOP))
        assert sorted(outcomes) == ["", found.documents["policies"].body]

    async def test_changes_of_other_kinds_are_no_conflict(self) -> None:
        """
        Two people change two documents of one scope at once, and both are stored.
        """
        both = [
            Deferred.fromCoroutine(each.put(SHOP, kind, kind, 0, BOB))
            for kind, each in (("policies", self.writer), ("instances", self.reader))
        ]
        await self.until(lambda: all(one.called for one in both), "both end")
        versions = {(await one).version for one in both}
        found = await self.done(self.reader.read(SHOP))
        assert {"policies", "instances"} == set(found.documents)
        assert len(versions) == 2

    async def test_reports_each_change_once(self) -> None:
        """
        A watch reports documents that come, change and go, with versions that only grow.
        """
        received, _ = self.watched()
        await self.sees(received)
        await self.put("one")
        await self.sees(received, policies="one")
        await self.put("x", "instances")
        await self.sees(received, policies="one", instances="x")
        version = await self.put("two")
        await self.sees(received, policies="two", instances="x")
        await self.done(self.writer.remove(SHOP, "policies", version, EVE))
        await self.sees(received, instances="x")
        await self.pass_time(1.0)
        assert received.versions == sorted(set(received.versions))

    async def test_reports_what_was_there_before(self) -> None:
        """
        A watch begins with the documents as they are.
        """
        await self.put("one")
        received, _ = self.watched()
        await self.sees(received, policies="one")

    async def test_versions_go_on_after_a_removal(self) -> None:
        """
        A document that is put again has a larger version than any before.
        """
        first = await self.put("one")
        await self.done(self.writer.remove(SHOP, "policies", first, BOB))
        assert (await self.done(self.reader.read(SHOP))).documents == {}
        assert await self.put("two") > first + 1

    async def test_tells_the_history(self) -> None:
        """
        The last changes have who, when, before and after, the newest first.
        """
        first = await self.put("one")
        second = (await self.done(self.writer.put(SHOP, "policies", "two", first, EVE))).version
        await self.done(self.writer.remove(SHOP, "policies", second, BOB))
        changes = await self.done(self.reader.history(SHOP))
        assert [(one.who, one.before, one.after) for one in changes] == [
            ("bob@here", "two", None),
            ("eve@there", "one", "two"),
            ("bob@here", None, "one"),
        ]
        assert [second + 1, second, first] == [one.version for one in changes]
        assert [one.reason for one in changes] == ["too slow", "", "too slow"]

    async def test_bounds_the_history(self) -> None:
        """
        Of many changes the last twenty are kept.
        """
        version = 0
        for number in range(23):
            stored = self.writer.put(SHOP, "policies", str(number), version, BOB)
            version = (await self.done(stored)).version
        changes = await self.done(self.reader.history(SHOP))
        assert [str(number) for number in range(22, 2, -1)] == [one.after for one in changes]

    async def test_keeps_scopes_apart(self) -> None:
        """
        Services and applications of one name are apart, and so are odd names.
        """
        scopes = [service_scope(name) for name in ODD_SERVICES]
        scopes += [application_scope("demo.Shop"), SHOP, service_scope("x" * 256)]
        for scope in scopes:
            await self.put(str(scope), scope=scope)
        for scope in scopes:
            received, _ = self.watched(scope)
            await self.sees(received, policies=str(scope))

    async def test_takes_the_largest_document(self) -> None:
        """
        A document of the greatest length arrives whole; one byte more is refused.
        """
        largest = "x" * MAX_DOCUMENT_BYTES
        received, _ = self.watched()
        version = await self.put(largest)
        await self.put(largest, "instances")
        await self.sees(received, policies=largest, instances=largest)
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(SHOP, "policies", largest + "x", version, BOB))
        )
        assert str(MAX_DOCUMENT_BYTES) in str(error)

    async def test_is_silent_once_closed(self) -> None:
        """
        A watch that is closed, perhaps by its own listener, reports nothing more.
        """
        received, watch = self.watched()
        await self.sees(received)
        watch.close()
        watch.close()

        def listener(rules: RuleSet) -> None:
            own.append(rules)
            closing.close()

        own: list[RuleSet] = []
        closing = self.reader.watch(SHOP, listener)
        await self.until(lambda: own, "the listener is called")
        await self.put("one")
        await self.pass_time(1.0)
        assert received.versions == [0]
        assert len(own) == 1

    async def test_a_listener_that_raises_is_called_again(self) -> None:
        """
        One that breaks its contract does not end the watch.
        """
        received = ReceivedRules()

        def listener(rules: RuleSet) -> None:
            received(rules)
            raise RuntimeError("a listener's own fault")

        watch = self.reader.watch(SHOP, listener)
        self.addCleanup(watch.close)
        await self.sees(received)
        await self.put("one")
        await self.sees(received, policies="one")
        flush: Callable[..., list[object]] = self.flushLoggedErrors
        assert flush(RuntimeError)

    async def test_follows_again_when_the_place_is_back(self) -> None:
        """
        While the place is unreachable the last documents hold; then no change is missed.
        """
        await self.put("one")
        received, _ = self.watched()
        await self.sees(received, policies="one")
        await self.leave()
        await self.fails(Deferred.fromCoroutine(self.writer.read(SHOP)))
        assert received.last == {"policies": "one"}
        await self.come_back()
        await self.until_reachable()
        await self.put("two")
        await self.sees(received, policies="two")
        assert received.versions == sorted(set(received.versions))

    async def test_begins_while_the_place_is_away(self) -> None:
        """
        A watch may begin before the place is reachable.
        """
        await self.put("one")
        await self.leave()
        received, _ = self.watched()
        await self.pass_time(1.0)
        assert received.last is None
        await self.come_back()
        await self.sees(received, policies="one")

    async def test_misses_nothing_after_a_lost_session(self) -> None:
        """
        What changed while a session ended is reported once.
        """
        received, _ = self.watched()
        await self.put("one")
        await self.sees(received, policies="one")
        await self.lose_session(self.reader)
        await self.put("two")
        await self.sees(received, policies="two")
        await self.pass_time(2.0)
        assert received.versions == sorted(set(received.versions))

    async def test_misses_nothing_after_a_compaction(self) -> None:
        """
        A watch goes on though the place has forgotten what it missed.
        """
        await self.put("one")
        received, _ = self.watched()
        await self.sees(received, policies="one")
        await self.leave()
        await self.come_back()
        await self.until_reachable()
        await self.put("two")
        await self.compact()
        await self.sees(received, policies="two")
        await self.put("three")
        await self.sees(received, policies="three")

    async def test_keeps_the_last_when_the_place_loses_its_data(self) -> None:
        """
        Lost data is no change. What is put then is followed, though its version is smaller.
        """
        await self.put("one")
        await self.put("two")
        received, _ = self.watched()
        await self.sees(received, policies="two")
        await self.lose_everything()
        await self.until_reachable()
        await self.pass_time(1.0)
        assert received.last == {"policies": "two"}
        await self.put("three")
        await self.sees(received, policies="three")

    async def test_keeps_the_last_when_a_backup_is_restored(self) -> None:
        """
        Older documents are no change. What is put then is followed, be its version not larger.
        """
        await self.put("one")
        backup = await self.back_up()
        await self.put("two")
        received, _ = self.watched()
        await self.sees(received, policies="two")
        await self.restore(backup)
        await self.pass_time(1.0)
        assert received.last == {"policies": "two"}
        await self.put("three")
        await self.sees(received, policies="three")
        assert received.versions == [2, 2]

    async def test_keeps_the_last_when_a_record_is_unreadable(self) -> None:
        """
        A record that is broken is a refusal for who watches, and an error for who asks.
        """
        await self.put("one")
        received, _ = self.watched()
        await self.sees(received, policies="one")
        await self.store_unreadable(SHOP)
        await self.pass_time(2.0)
        assert [received.last] == [{"policies": "one"}]
        assert len(received.refusals) == 1
        await self.fails(Deferred.fromCoroutine(self.reader.read(SHOP)))

    async def until_reachable(self) -> None:
        """
        Return once the place answers who writes.
        """
        asked: list[Deferred[object]] = []

        def answers() -> bool:
            if not asked or asked[-1].called:
                if asked and not isinstance(getattr(asked[-1], "result", None), _Failed):
                    return True
                asked.append(
                    Deferred.fromCoroutine(self.writer.read(SHOP)).addErrback(lambda _: _Failed())
                )
            return False

        await self.until(answers, "the place answers")


class _Failed:
    """
    Stands for an answer that was an error.
    """
