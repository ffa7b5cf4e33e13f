"""
TLS files that change while connections come and go.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

pytest.importorskip("OpenSSL")

from rpcfw.kernel.settings import options_of
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.network.tls import TLS, TLSOptions
from tests.certificates import Authority
from tests.unit.transport.network.test_tls import InMemory, Noting

FILES = ("ca", "certificate", "key")


class World:
    """
    A server and a client, each with a clock of its own, and certificates in files of its own.
    """

    def __init__(self, folder):
        self.folder = folder
        self.clocks = {"server": Clock(), "client": Clock()}
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.accepted = []
        self.authorities = {}
        self.give("first", "server", "client")
        accepting = self.tls("server", clients="certified").server(
            Factory.forProtocol(self.accept), ["native", "h2"]
        )
        self.network.listen("server", accepting)
        self.client = self.tls("client")

    def tls(self, side, **others):
        return TLS(self.options(side, **others), self.clocks[side])

    def accept(self):
        self.accepted.append(Noting())
        return self.accepted[-1]

    def file(self, side, name):
        return self.folder / f"{side}-{name}.pem"

    def options(self, side, **others):
        files = {name: self.file(side, name) for name in FILES}
        return evolve(options_of(TLSOptions), **files, **others)

    def give(self, authority, *sides):
        """
        Put the files of another authority in the place of those that a side has.
        """
        if authority not in self.authorities:
            self.authorities[authority] = Authority(self.folder, authority)
        made = self.authorities[authority]
        for side in sides:
            issued = made.issue(f"{authority}-{side}", "localhost")
            contents = (made.certificate, issued.certificate, issued.key)
            for name, source in zip(FILES, contents, strict=True):
                self.file(side, name).write_bytes(source.read_bytes())

    def talks(self, client=None, host="localhost", alpn="native", address=""):
        """
        Tell whether a new connection can be used.
        """
        noting = Noting()
        dialling = (client or self.client).client(InMemory(self.network), host, alpn, address)
        dialling.connect(Factory.forProtocol(lambda: noting))
        for _ in range(50):
            self.clock.advance(0)
        return bool(noting.heard and self.accepted[-1].heard)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_both_sides_follow_their_files(world):
    """
    The next connection has the new certificates, keys and authorities; open ones stay.
    """
    assert world.talks()
    first = world.accepted[0]
    world.give("second", "server")
    assert not world.talks()
    world.give("second", "client")
    assert world.talks()
    assert "" == first.end


@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["gone", "nonsense", "another"])
def test_what_cannot_be_used_changes_nothing(world, side, name, how):
    """
    A file that is gone, is no PEM, or does not fit the others leaves those that were read.
    """
    assert world.talks()
    file = world.file(side, name)
    good = file.read_bytes()
    if how == "gone":
        file.unlink()
    elif how == "nonsense":
        file.write_text("nonsense")
    else:
        other = world.file("server" if side == "client" else "client", "key")
        file.write_bytes(other.read_bytes())
    with capturedLogs() as events:
        for _ in range(3):
            assert world.talks()
        file.write_bytes(good)
        assert world.talks()
    lines = [formatEvent(event) for event in events]
    stays = [line for line in lines if "the TLS files that were read last stay in use" in line]
    assert 1 == len(stays)
    assert str(file) in stays[0]
    assert any(f"read {world.file(side, 'certificate')} again" == line for line in lines)
