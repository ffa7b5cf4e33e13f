"""
What the tests against real etcd share: the registry, on whichever client.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.threads import deferToThread

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw_registries.etcd.registry import EtcdOptions, EtcdRegistry
from tests.real.etcd_server import EtcdMember, etcdctl
from tests.real.registry_case import RegistryCase
from tests.requirements import require_etcd

__all__ = ["FAST", "EtcdCase"]

#: Options with which nothing takes long.
FAST = {
    "lease": "2s",
    "operation_timeout": "1s",
    "heartbeat_interval": "500ms",
    "max_reconnect_delay": "500ms",
    "self_check_interval": "1s",
}


class EtcdCase(RegistryCase):
    """
    For a `twisted.trial.unittest.TestCase`.
    """

    need = staticmethod(require_etcd)
    #: What is to speak to etcd.
    client = "rpcfw"
    #: Options of ``[tls]``.
    tls = None

    @classmethod
    def make_server(cls):
        return EtcdMember()

    def made(self, address, **texts):
        options = options_of(
            EtcdOptions, **{"address": address, "client": self.client, **FAST, **texts}
        )
        around = self.plugin_context
        if self.client == "rpcfw":
            # Where another client is tested, this one need not be installed.
            from tests.real.etcd_wire import wired

            around = evolve(around, open_channel=wired(self.clock, around, self.tls))
        return EtcdRegistry(options, around)

    def port_in_use(self, registry):
        """
        Return the port of the member that a registry talks to.
        """
        return registry._session._address.port  # noqa: SLF001 - as a wiretap would

    def fall_silent(self, registry):
        registry._announced._loop.cancel()  # noqa: SLF001 - nothing less would do

    async def running(self, address, **texts):
        if address.startswith("tls:"):
            # Both sides say good-bye before the connection ends.
            self.addCleanup(lambda: spawn(self.pass_time(0.1)))
        return await super().running(address, **texts)

    async def ctl(self, member, *words, user=""):
        """
        Have etcd's own client do something.
        """
        return await deferToThread(etcdctl, member, *words, user=user)
