"""
Documents in the config centre of a real ZooKeeper, written by hand as Dubbo Admin writes them.
"""

from __future__ import annotations

import pytest
from kazoo.client import KazooClient

from tests.house.tree import ROOT
from tests.real.commands import Module, Running, address_in
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper

INI = """\
[app]
name = {role}
python_path = {root}

[registry]
plugin = zookeeper
layout = dubbo
address = {address}
session_timeout = 2s
"""

PROVIDER = """\
[server]
listen = tcp:127.0.0.1:0
protocols = native, dubbo
services = tests.real.ruled_shop:Shop
version = 1.0.0
"""

CONSUMER = """\
[client]
routers = dubbo

[protocol dubbo]
version = *
"""

FOLDER = "/dubbo/config/dubbo"
#: Calls that go to one of two providers only by a rule.
_IN_A_ROW = 30


@pytest.fixture
def server():
    """
    A ZooKeeper server with nothing in it.
    """
    require_zookeeper()
    server = ZooKeeperServer()
    server.serve()
    yield server
    server.remove()


@pytest.fixture
def admin(server):
    """
    What writes documents.
    """
    client = KazooClient(server.address)
    client.start()
    yield client
    client.stop()
    client.close()


def ini(tmp_path, server, role, text):
    path = tmp_path / f"{role}.ini"
    path.write_text(INI.format(role=role, root=ROOT, address=server.address) + text)
    return path


def until(caller, wanted):
    """
    Read answers until as many in a row are from these processes, and from no others.
    """
    answers = []
    while len(answers) < _IN_A_ROW or set(answers[-_IN_A_ROW:]) != wanted:
        answers.append(int(caller.line()))


def test_a_document_moves_calls_between_two_providers(tmp_path, server, admin):
    """
    A condition rule, a tag rule and a configurator each have their way while they are there.
    """
    provider = ini(tmp_path, server, "providers", PROVIDER)
    consumer = ini(tmp_path, server, "consumers", CONSUMER)
    with (
        Running("serve", "-c", provider, "--log-level", "critical") as first,
        Running("serve", "-c", provider, "--log-level", "critical") as second,
    ):
        ports = [address_in(each.line()).rpartition(":")[2] for each in (first, second)]
        documents = {
            "com.acme.Shop:1.0.0:.condition-router": (
                "configVersion: v3.0\nscope: service\nforce: true\nenabled: true\n"
                f"key: com.acme.Shop:1.0.0\nconditions:\n  - method=where => port={ports[0]}\n"
            ),
            "consumers.condition-router": (
                "configVersion: v3.0\nscope: application\nforce: false\nenabled: true\n"
                f"key: consumers\nconditions:\n  - '=> port!={ports[1]}'\n"
            ),
            "providers.tag-router": (
                "configVersion: v3.0\nforce: true\nenabled: true\nkey: providers\n"
                f"tags:\n  - name: gray\n    addresses: ['127.0.0.1:{ports[1]}']\n"
            ),
            "com.acme.Shop:1.0.0:.configurators": (
                "configVersion: v3.0\nscope: service\nenabled: true\nkey: com.acme.Shop:1.0.0\n"
                "configs:\n  - side: provider\n    "
                f"addresses: ['127.0.0.1:{ports[1]}']\n    parameters: {{weight: 0}}\n"
            ),
        }
        with Module("tests.real.ruled_shop", consumer) as caller:
            until(caller, {first.pid, second.pid})
            for name, text in documents.items():
                admin.create(f"{FOLDER}/{name}", text.encode(), makepath=True)
                until(caller, {first.pid})
                admin.delete(f"{FOLDER}/{name}")
                until(caller, {first.pid, second.pid})
