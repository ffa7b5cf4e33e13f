"""
The etcd registry's users and tokens, its choice of a member, and its options.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import RegistryError, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.etcd.registry import EtcdOptions, EtcdRegistry
from tests.plugins.registries.etcd.etcd_keeping import HOME, KEY, OTHER, Keeping


class TestAccess(Keeping):
    def test_buys_one_token_for_all(self):
        """
        However many ask at once, the password is checked once.
        """
        self.store.users = {"bob": "xyzzy"}
        registry = self.registry(user="bob", password="xyzzy")
        for number in range(20):
            registry.watch(f"demo.S{number}", ReceivedUpdates())
        self.announced(registry, an_instance())
        self.advance(1)
        assert 1 == len(self.asked("Authenticate"))

    def test_renews_a_token(self):
        """
        A token that is not valid any more is replaced by the call that finds it so.
        """
        self.store.users = {"bob": "xyzzy"}
        registry = self.registry(user="bob", password="xyzzy")
        told = self.told(registry)
        self.store.tokens.clear()
        self.announced(registry, an_instance())
        assert ["a"] == self.ids(told)
        assert 2 == len(self.asked("Authenticate"))

    def test_resumes_with_a_new_token(self):
        """
        A watch that is refused for its token is begun again with another, at once.
        """
        self.store.users = {"bob": "xyzzy"}
        told = self.told(self.registry(user="bob", password="xyzzy", heartbeat_interval="60s"))
        self.store.tokens.clear()
        self.members.stop(HOME)
        self.members.start(HOME)
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        self.advance(0.5)
        assert ["a"] == self.ids(told)

    def test_a_forbidden_watch_is_tried_now_and_then(self):
        """
        A user without permission costs etcd little, and the log one line.
        """
        self.store.users = {"bob": "xyzzy"}
        self.store.banned = {"bob"}
        registry = self.registry(user="bob", password="xyzzy")
        told = self.told(registry)
        self.advance(30)
        assert "demo.Greeter cannot be read: etcd does not permit this" in told.watch.trouble
        assert "" == registry.trouble
        assert told.last is None
        assert 1 == len(self.asked("Authenticate"))
        assert len(self.asked("Range")) <= 30
        self.store.banned = set()
        self.advance(3)
        assert ([], "") == (told.last, told.watch.trouble)

    def test_a_user_where_nobody_asks(self):
        """
        A user is no hindrance where etcd asks nobody who they are.
        """
        registry = self.registry(user="bob", password="xyzzy")
        self.announced(registry, an_instance())
        self.store.users = {"bob": "xyzzy"}
        self.announced(registry, an_instance(id="b"))
        assert ["a", "b"] == self.keys()

    def test_shows_no_password(self):
        """
        The password is in no text that may reach a log.
        """
        registry = self.registry(user="bob", password="xyzzy")
        assert "xyzzy" not in repr(registry.options)


class TestFailover(Keeping):
    addresses = (HOME, OTHER)

    def test_does_not_hammer_dead_members(self):
        """
        However many watches there are, dead members are tried now and then.
        """
        self.members.stop(HOME)
        self.members.stop(OTHER)
        registry = self.registry()
        for number in range(50):
            registry.watch(f"demo.S{number}", ReceivedUpdates())
        self.advance(60)
        assert 25 <= len(self.members.opened) <= 60
        assert all(channel.closed for channel in self.members.opened[:-1])

    def test_services_fail_in_time(self):
        """
        Where nobody answers, asking for the services ends within the limits.
        """
        self.members.frozen.update(self.addresses)
        asked = spawn(self.registry(operation_timeout="2s").services())
        self.advance(4.1)
        failure = self.failureResultOf(asked, RegistryError)
        assert "no etcd member answers at tcp:127.0.0" in str(failure.value)

    def test_services_skip_what_is_long(self):
        """
        A service with many instances does not cost a page for each few of them.
        """
        for number in range(1000):
            self.store.change((f"/rpcfw/demo.A/i{number}".encode(), b"", 0))
        self.store.change((b"/rpcfw/demo.B/a", b"", 0))
        self.store.change((b"/rpcfw/stray", b"", 0))
        asked = spawn(self.registry().services())
        self.advance(0.2)
        assert ("demo.A", "demo.B") == self.successResultOf(asked)
        assert 2 == len(self.asked("Range"))


def made(plugin_context, **texts):
    return EtcdRegistry(options_of(EtcdOptions, **texts), plugin_context)


@pytest.mark.parametrize(
    ("texts", "mistake"),
    [
        ({"address": "unix:/x"}, "expected HOST:PORT"),
        ({"root": "rpcfw"}, "expected one as /rpcfw"),
        ({"user": "bob"}, "user and password go together"),
    ],
)
def test_refuses_wrong_options(texts, mistake):
    """
    What cannot work is told before anything starts.
    """
    from rpcfw.testing.plugin_context import plugin_context

    with pytest.raises(SettingsError, match=mistake):
        made(plugin_context(), **texts)
