"""
What the tests against real ZooKeeper servers share.
"""

from __future__ import annotations

from kazoo.client import KazooClient
from twisted.internet.threads import deferToThread

from rpcfw.kernel.settings import options_of
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from tests.real.registry_case import RegistryCase
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

__all__ = ["FAST", "ZooKeeperCase", "expire"]

#: Options with which nothing takes long.
FAST = {
    "session_timeout": "2s",
    "operation_timeout": "3s",
    "connect_timeout": "1s",
    "max_reconnect_delay": "500ms",
    "self_check_interval": "1s",
}


async def expire(registry):
    """
    End a registry's session: whoever knows its password may close it.
    """
    client_id = registry._session._client.client_id  # noqa: SLF001 - as a wiretap would
    hosts = ",".join(str(each).removeprefix("tcp:") for each in registry.options.address)

    def close():
        intruder = KazooClient(hosts, client_id=client_id)
        intruder.start()
        intruder.stop()
        intruder.close()

    await deferToThread(close)


class ZooKeeperCase(RegistryCase):
    """
    For a `twisted.trial.unittest.TestCase`.
    """

    need = staticmethod(require_zookeeper)

    @classmethod
    def make_server(cls):
        return ZooKeeperServer()

    def made(self, address, **texts):
        options = options_of(ZooKeeperOptions, **{"address": address, **FAST, **texts})
        return ZooKeeperRegistry(options, self.plugin_context)

    def fall_silent(self, registry):
        for records in registry._announced._records:  # noqa: SLF001 - nothing less would do
            if records._loop is not None:  # noqa: SLF001
                records._loop.cancel()  # noqa: SLF001
