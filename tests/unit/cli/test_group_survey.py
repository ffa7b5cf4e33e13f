"""
What the command that shows a group of registry servers makes of their answers.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.cli.group_survey import survey
from rpcfw.cli.registry_status import as_json
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.address import Address
from rpcfw_registries.standalone.node.replication.status import NodeStatus, PeerStatus


def test_a_server_that_tells_a_wrong_address():
    """
    Each server says itself where it is. One that says it wrongly is named, the others are shown.
    """
    wrong = PeerStatus("b-1", "here", 0, 0.0, leaving=False)

    async def ask(address):
        return NodeStatus("a-1", "g", "there", "", 0, 0, 0, 0, "", True, "", 1.0, [wrong])

    asked = Address.parse("memory:a")
    found = spawn(survey(ask, [asked], Clock())).result
    assert [asked] == list(found.nodes)
    assert ["here"] == list(found.failed)
    assert not found.fine
    assert '"error": "\'here\' is no address' in as_json(found)
