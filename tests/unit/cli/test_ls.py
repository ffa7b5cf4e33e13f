"""
``rpcfw ls``: what is asked of a registry.
"""

from __future__ import annotations

from rpcfw.cli import ls
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.instance import Snapshot


class OldList:
    """
    A registry whose watches say that their lists may be old.
    """

    trouble = "the list may be old: no bus"

    async def services(self):
        return ("demo.A", "demo.B")

    def watch(self, service, listener, on_refused):
        listener(Snapshot(service, (an_instance(service=service),)))
        return self

    def close(self):
        self.trouble = ""


def test_says_once_that_lists_may_be_old():
    """
    What the watches say is returned with the instances, each sentence once.
    """
    looking = spawn(ls.lists_of(OldList(), "demo.A"))
    found, troubles = looking.result
    assert ["demo.A"] == list(found)
    assert ["the list may be old: no bus"] == troubles
