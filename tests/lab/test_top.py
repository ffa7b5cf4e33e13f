"""
The start of ``rpcfw top``: it waits for the first lists of a registry.
"""

from __future__ import annotations

from rpcfw.cli.top.watcher import Watcher
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.probe_report import PROBER_SERVICE


class Subscription:
    """
    A watch of nothing.
    """

    trouble = ""

    def close(self):
        pass


class Changing:
    """
    A registry in which a service is listed once, and gone before anybody watches it.
    """

    trouble = ""

    def __init__(self):
        self.asked = 0

    async def services(self):
        self.asked += 1
        gone = ("shop.Gone",) if self.asked <= 2 else ()
        return ("shop.Orders", PROBER_SERVICE, *gone)

    def watch(self, service, listener, on_refused=None):
        if service == "shop.Orders":
            listener(Snapshot(service, (Instance(service, "a", Address("memory", "a")),)))
        return Subscription()


def test_a_service_that_goes_at_the_start(lab):
    """
    The table is shown although a service of the first list has no instances to wait for.
    """
    application = lab.consumer(name="top").application
    watcher = Watcher(application, Changing(), [], [], 1.0)
    lab.run(watcher.start(5.0))
    looks = watcher.looks("")
    look = lab.run(anext(looks))
    assert ["shop.Orders"] == [row.service for row in look.services]
    lab.run(watcher.stop())
