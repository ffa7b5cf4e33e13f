"""
The ZooKeeper registry with Dubbo's layout, on a ZooKeeper in memory.
"""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import RegistryContract, an_instance
from rpcfw.values.address import Address
from rpcfw_registries.layouts.dubbo.layout import DubboLayout
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from rpcfw_registries.zookeeper.session import Refused
from tests.plugins.registries.still import StillTime
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World


class TestDubboLayout(StillTime, RegistryContract, TestCase):
    limit_s = 70.0

    def prepare(self):
        self.world = World()
        self.keepers = {}
        self.layout = DubboLayout("/dubbo", self.plugin_context.application, lambda: 0.0)

    def registry(self):
        session = FakeSession(self.world)
        options = options_of(ZooKeeperOptions, layout="dubbo", register_mode="interface")
        registry = ZooKeeperRegistry(options, self.plugin_context, session)
        self.keepers[registry] = session
        return registry

    def path_of(self, instance):
        record = self.layout.record(instance)
        return self.layout.place((instance.service, instance.id), record).path

    def names(self, category):
        """
        Return the URLs of a category.
        """
        return [unquote(name) for name in self.world.names(f"/dubbo/demo.Greeter/{category}")]

    async def store_unreadable(self, service):
        self.world.create(f"/dubbo/{service}/providers/dubbo%3A%2F%2Fhost", b"", 0)

    async def leave(self):
        self.world.away = True
        for session in self.world.keepers:
            session.suspend()

    async def come_back(self):
        self.world.away = False
        for session in self.world.keepers:
            session.connect()

    async def refuse(self):
        self.world.unreadable = True

    async def permit(self):
        self.world.unreadable = False

    async def remove_behind(self, instance):
        self.world.delete(self.path_of(instance))

    async def die(self, registry):
        session = self.keepers[registry]
        session.session_id = 0
        self.world.expire(session.last)

    async def test_announces_again_after_the_session_expired(self):
        """
        The URL is there again, in the new session.
        """
        told, _ = self.watched()
        await self.put(an_instance())
        self.keepers[self.announcer].lose()
        self.advance(1)
        await self.sees(told, an_instance())
        owner = self.world.nodes[self.path_of(an_instance())].owner
        assert self.keepers[self.announcer].session_id == owner

    async def test_a_changed_weight_replaces_the_url_in_one_step(self):
        """
        Java consumers never see the provider missing, nor twice.
        """
        await self.put(an_instance(weight=1))
        await self.put(an_instance(weight=2))
        (url,) = self.names("providers")
        assert "&weight=2&" in url
        assert 1 == self.world.asked["swap"]

    async def test_a_provider_with_two_protocols_has_two_urls(self):
        """
        Java consumers choose by the protocol; ours see one instance. They come and go together.
        """
        both = ("native", "tri", "grpc", "dubbo")
        told, _ = self.watched()
        for weight in (1, 2):
            instance = an_instance(protocols=both, weight=weight)
            await self.put(instance)
            urls = sorted(self.names("providers"))
            assert [url.partition("://")[0] for url in urls] == ["dubbo", "tri"]
            assert all(f"&weight={weight}&" in url for url in urls)
            await self.sees(told, instance)
        await self.put(an_instance(protocols=("dubbo",)))
        (url,) = self.names("providers")
        assert url.startswith("dubbo://")
        await self.put(instance)
        await self.take(instance)
        assert not self.names("providers")

    async def test_of_two_urls_of_one_provider_the_later_start_counts(self):
        """
        A provider that was killed and started again is listed twice until its session ends.
        """
        for started_at, version in ((2000.0, "new"), (1000.0, "old")):
            instance = an_instance(started_at=started_at, version=version)
            self.world.create(self.path_of(instance), b"", 7)
        told, _ = self.watched()
        await self.sees(told, an_instance(started_at=2000.0, version="new"))

    async def test_reads_no_data(self):
        """
        A change costs one list of names, whatever data other versions of Dubbo write.
        """
        told, _ = self.watched()
        await self.until(lambda: told.snapshots, "the mapping was read, too")
        before = self.world.asked["nodes"]
        self.world.create(self.path_of(an_instance()), b"\xff\x00", 7)
        await self.sees(told, an_instance())
        assert before == self.world.asked["nodes"]

    async def test_many_bad_urls_are_one_line_of_the_log(self):
        """
        Whoever writes garbage into the registry does not fill the disk of consumers.
        """
        for number in range(1000):
            self.world.create(f"/dubbo/demo.Greeter/providers/bad{number}", b"", 7)
        await self.put(an_instance())
        with capturedLogs() as logged:
            told, _ = self.watched()
            await self.sees(told, an_instance())
        warnings = [each for each in logged if each["log_level"] is LogLevel.warn]
        assert 1 == len(warnings)

    async def test_who_watches_is_listed_as_a_consumer(self):
        """
        Consumers are shown for as long as they watch, also after the session expired.
        """
        _, first = self.watched()
        _, second = self.watched()
        await self.until(lambda: self.names("consumers"), "it is shown")
        (url,) = self.names("consumers")
        assert url.startswith("consumer://127.0.0.1/demo.Greeter?application=")
        assert "&category=consumers&" in url
        assert "&side=consumer&" in url
        self.keepers[self.watcher].lose()
        self.advance(1)
        assert [url] == self.names("consumers")
        first.close()
        self.advance(1)
        assert [url] == self.names("consumers")
        second.close()
        second.close()
        self.advance(1)
        assert [] == self.names("consumers")

    async def test_a_consumer_without_the_right_to_write_still_watches(self):
        """
        That others do not see it is said in the log.
        """
        self.keepers[self.watcher].failures.append(Refused("not permitted"))
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())

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
        assert [""] == list(self.world.nodes)

    async def test_lists_no_folder_of_dubbos_own(self):
        """
        Rules, mappings and metadata are no services. What is mapped to an application is one.
        """
        await self.put(an_instance())
        for name in ("config/any", "mapping/demo.Clock", "metadata/any"):
            self.world.create(f"/dubbo/{name}", b"", 0)
        assert ("demo.Clock", "demo.Greeter") == await self.done(self.watcher.services())
