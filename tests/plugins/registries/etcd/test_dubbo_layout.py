"""
The etcd registry with Dubbo's layout, on members in memory.
"""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.contracts.registry import RegistryContract, an_instance
from rpcfw.values.address import Address
from rpcfw_registries.etcd.messages import TXN
from rpcfw_registries.layouts.dubbo.layout import DubboLayout
from tests.plugins.registries.etcd.etcd_keeping import HOME, OnMembers

PROVIDERS = "/dubbo/demo.Greeter/providers/"
CONSUMERS = "/dubbo/demo.Greeter/consumers/"
#: A key that Dubbo 3.2.16 wrote with dubbo-registry-etcd3 3.2.0; most methods are left out.
JAVA = (
    "dubbo%3A%2F%2F2130706433%3A23991%2Fdemo.Greeter%3Fapplication%3Djava-provider%26"
    "deprecated%3Dfalse%26dubbo%3D2.0.2%26dynamic%3Dtrue%26generic%3Dfalse%26"
    "interface%3Ddemo.Greeter%26methods%3Dsay%2Csleep%26"
    "prefer.serialization%3Dfastjson2%2Chessian2%26release%3D3.2.16%26revision%3D1.0.0%26"
    "service-name-mapping%3Dtrue%26side%3Dprovider%26timestamp%3D1795943230234%26version%3D1.0.0"
)


class TestDubboLayout(OnMembers, RegistryContract, TestCase):
    def prepare(self):
        super().prepare()
        self.layout = DubboLayout("/dubbo", self.plugin_context.application, lambda: 0.0)

    def registry(self, **texts):
        return super().registry(layout="dubbo", **texts)

    def key_of(self, instance):
        record = self.layout.record(instance)
        return self.layout.place((instance.service, instance.id), record).path.encode()

    def keys(self, prefix):
        """
        Return the keys under a prefix, with their values.
        """
        found = {key.decode(): kv for key, kv in self.store.keys.items()}
        return {key[len(prefix) :]: kv for key, kv in found.items() if key.startswith(prefix)}

    async def store_unreadable(self, service):
        self.store.change((f"/dubbo/{service}/providers/dubbo%3A%2F%2Fhost".encode(), b"", 0))

    async def leave(self):
        self.members.stop(HOME)

    async def come_back(self):
        self.members.start(HOME)

    async def remove_behind(self, instance):
        self.store.change((self.key_of(instance), None, 0))

    async def test_keys_are_those_of_java(self):
        """
        A key is the URL, and its value the lease that it is attached to, as Java writes them.
        """
        await self.put(an_instance(address=Address("tcp", "10.0.0.5", 2200), version="1.0.0"))
        ((name, kv),) = self.keys(PROVIDERS).items()
        assert name == name.replace("/", "")
        url = unquote(name)
        assert url.partition("://")[2].startswith("10.0.0.5:2200/demo.Greeter?")
        for parameter in ("interface=demo.Greeter", "version=1.0.0", "side=provider"):
            assert f"&{parameter}&" in f"{url}&"
        assert [str(kv.lease).encode()] == [kv.value]
        assert [kv.lease] == list(self.store.leases)

    async def test_a_provider_with_two_protocols_has_two_keys(self):
        """
        Java consumers choose by the protocol; ours see one instance. They come and go together.
        """
        told, _ = self.watched()
        instance = an_instance(protocols=("native", "tri", "grpc", "dubbo"))
        await self.put(instance)
        schemes = sorted(unquote(name).partition("://")[0] for name in self.keys(PROVIDERS))
        assert schemes == ["dubbo", "tri"]
        await self.sees(told, instance)
        await self.take(instance)
        assert not self.keys(PROVIDERS)

    async def test_reads_what_java_wrote(self):
        """
        The key of a provider in Java is an instance; the folders that Java creates are none.
        """
        for key in ("/dubbo/demo.Greeter", PROVIDERS.rstrip("/")):
            self.store.change((key.encode(), b"1358021070", 0))
        self.store.change((f"{PROVIDERS}{JAVA}".encode(), b"2324035694101168437", 0))
        with capturedLogs() as logged:
            told, _ = self.watched()
            await self.until(lambda: told.snapshots, "it is listed")
        (instance,) = told.last
        assert Address("tcp", "2130706433", 23991) == instance.address
        assert ("dubbo",) == instance.protocols
        assert ("2130706433:23991:1.0.0", "1.0.0") == (instance.id, instance.version)
        assert 1795943230.234 == instance.started_at
        assert [] == [each for each in logged if each["log_level"] is LogLevel.warn]

    async def test_a_changed_weight_replaces_the_key_at_one_revision(self):
        """
        Java consumers never see the provider missing, nor twice.
        """
        await self.put(an_instance(weight=1))
        before = self.store.revision
        await self.put(an_instance(weight=2))
        assert before + 1 == self.store.revision
        (name,) = self.keys(PROVIDERS)
        assert "&weight=2&" in unquote(name)

    async def test_no_former_key_is_left_after_an_unknown_outcome(self):
        """
        If nobody knows whether a change was made, one key is left in the end: the latest.
        """
        await self.put(an_instance(weight=1))
        actions = self.members.actions
        done = actions[TXN]

        def unanswered(request):
            actions[TXN] = done
            done(request)
            raise CallError("no answer", status=Status.DEADLINE_EXCEEDED)

        actions[TXN] = unanswered
        await self.put(an_instance(weight=2))
        await self.put(an_instance(weight=3))
        self.advance(5)
        (name,) = self.keys(PROVIDERS)
        assert "&weight=3&" in unquote(name)

    async def test_many_changes_fit_into_transactions(self):
        """
        A change has two operations here. etcd takes 128 in a transaction.
        """
        await self.put_many(weight=1)
        await self.put_many(weight=2)
        sizes = [len(each.success) for each in self.members.asked_for("Txn")]
        assert 64 == max(sizes)
        assert 150 == len(self.keys(PROVIDERS))

    async def put_many(self, weight):
        instances = [an_instance(id=f"i{number}", weight=weight) for number in range(150)]
        announced = [spawn(self.announcer.announce(each)) for each in instances]
        await self.until(lambda: all(one.called for one in announced), "all are announced")

    async def test_of_two_keys_of_one_provider_the_later_start_counts(self):
        """
        A provider that was killed and started again is listed twice until its lease ends.
        """
        for started_at, version in ((2000.0, "new"), (1000.0, "old")):
            instance = an_instance(started_at=started_at, version=version)
            self.store.change((self.key_of(instance), b"", 0))
        told, _ = self.watched()
        await self.sees(told, an_instance(started_at=2000.0, version="new"))

    async def test_asks_for_names_only(self):
        """
        Values are of no use, whatever other versions of Dubbo write there.
        """
        self.store.change((self.key_of(an_instance()), b"\xff\x00", 0))
        told, _ = self.watched()
        await self.sees(told, an_instance())
        pages = [each for each in self.members.asked_for("Range") if each.limit == 1000]
        assert [True] == [each.keys_only for each in pages]

    async def test_many_bad_keys_are_one_line_of_the_log(self):
        """
        Whoever writes garbage into the registry does not fill the disk of consumers.
        """
        for number in range(1000):
            self.store.change((f"{PROVIDERS}bad{number}".encode(), b"", 0))
        self.store.change((f"{PROVIDERS}".encode() + b"\xff" * 100_000, b"", 0))
        self.store.change((f"{PROVIDERS}{JAVA}/further".encode(), b"", 0))
        await self.put(an_instance())
        with capturedLogs() as logged:
            told, _ = self.watched()
            await self.sees(told, an_instance())
        warnings = [each for each in logged if each["log_level"] is LogLevel.warn]
        assert 1 == len(warnings)
        assert len(warnings[0]["what"]) < 2000

    async def test_who_watches_is_listed_as_a_consumer(self):
        """
        Consumers are shown for as long as they watch, also after the lease expired.
        """
        _, first = self.watched()
        _, second = self.watched()
        await self.until(lambda: self.keys(CONSUMERS), "it is shown")
        (name,) = self.keys(CONSUMERS)
        url = unquote(name)
        assert url.startswith("consumer://127.0.0.1/demo.Greeter?application=")
        assert "&category=consumers&" in url
        assert "&side=consumer&" in url
        for lease in tuple(self.store.leases):
            self.store.leases[lease][1].cancel()
            self.store.expire(lease)
        assert {} == self.keys(CONSUMERS)
        self.advance(5)
        assert [name] == list(self.keys(CONSUMERS))
        first.close()
        self.advance(1)
        assert [name] == list(self.keys(CONSUMERS))
        second.close()
        second.close()
        self.advance(1)
        assert {} == self.keys(CONSUMERS)

    async def test_show_consumers_can_be_off(self):
        """
        Then a consumer needs no right to write.
        """
        hidden = self.registry(show_consumers="no")
        await self.done(hidden.start())
        watch = hidden.watch("demo.Greeter", lambda snapshot: None)
        self.advance(1)
        assert {} == self.keys(CONSUMERS)
        watch.close()
        await self.done(hidden.stop())

    async def test_refuses_an_address_that_java_cannot_reach(self):
        """
        A Unix socket has no place in a URL of Dubbo.
        """
        instance = an_instance(address=Address("unix", "/run/a.sock"))
        with pytest.raises(RegistryError, match=r"with host and port only, not unix:/run/a\.sock"):
            await self.announcer.announce(instance)

    async def test_refuses_a_url_that_no_consumer_would_read(self):
        """
        What is over the limit of readers is not written.
        """
        huge = an_instance(tags={f"t{number}": "é" * 5000 for number in range(3)})
        with pytest.raises(RegistryError, match="takes 65536 at most; shorten its tags"):
            await self.announcer.announce(huge)
        assert {} == self.store.keys

    async def test_lists_no_folder_of_dubbos_own(self):
        """
        Rules, mappings and metadata are no services.
        """
        await self.put(an_instance())
        for name in ("config/any", "mapping/demo.Clock", "metadata/any", "!rules/service/a"):
            self.store.change((f"/dubbo/{name}".encode(), b"", 0))
        assert ("demo.Greeter",) == await self.done(self.watcher.services())
