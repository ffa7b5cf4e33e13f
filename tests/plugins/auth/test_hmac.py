"""
Signed calls: who is known by them, and what is refused.
"""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from rpcfw.errors import Overloaded, SettingsError, Unauthenticated
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.authenticator import AuthenticatorContract
from rpcfw.testing.contracts.credentials import CredentialsContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.method import Shape
from rpcfw_auth.hmac_authenticator import HMACAuthenticator
from rpcfw_auth.hmac_credentials import HMACCredentials
from rpcfw_auth.signature import HEADER
from tests.plugins.auth.secrets import NEW, OLD, write_keys

#: The time of day of every test, in seconds since 1970.
NOW = 1_800_000_000.25


class World:
    """
    A client and a server with one file of keys and one clock.
    """

    def __init__(self, folder, **options) -> None:
        self.clock = Clock()
        self.file = folder / "keys"
        write_keys(self.file, OLD)
        self.options = options
        self.signs = self.credentials()
        self.server = self.authenticator()

    def context(self, ahead_s=0.0):
        def time_of_day():
            return NOW + self.clock.seconds() + ahead_s

        return plugin_context(self.clock, Random(1), time_of_day=time_of_day)

    def authenticator(self):
        made = options_of(HMACAuthenticator.Options, secrets=str(self.file), **self.options)
        return HMACAuthenticator(made, self.context())

    def credentials(self, ahead_s=0.0):
        made = options_of(HMACCredentials.Options, secrets=str(self.file))
        return HMACCredentials(made, self.context(ahead_s))

    def signed(self, body=b"body", method="say", signs=None):
        call = a_call(method=method, request=SimpleNamespace(body=body))
        call.metadata = (signs or self.signs).metadata(
            call, body, path=call.method.path, encrypted=False
        )
        return call

    def ends(self, call, server=None):
        """
        Return the names that the method sees, or the error.
        """

        async def rest(call):
            return call.identity.names

        try:
            (server or self.server).bind(rest)(call).send(None)
        except StopIteration as end:
            return end.value
        except (Unauthenticated, Overloaded) as error:
            return error
        raise AssertionError("it waits")

    def reason(self, call):
        return str(self.ends(call).__cause__)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class TestHMACAuthenticatorContract(AuthenticatorContract):
    @pytest.fixture(autouse=True)
    def _world(self, tmp_path):
        self.world = World(tmp_path)

    def make(self):
        return self.world.authenticator()

    def good_calls(self):
        return [self.world.signed(), self.world.signed(b"")]

    def bad_calls(self):
        other = self.world.signed(b"other")
        other.request.body = b"changed"
        return [other, a_call(metadata={HEADER: "v1"}, request=SimpleNamespace(body=b""))]


class TestHMACCredentialsContract(CredentialsContract):
    @pytest.fixture(autouse=True)
    def _world(self, tmp_path):
        self.world = World(tmp_path)

    def make(self):
        return self.world.credentials()


def test_a_signed_call(world):
    """
    The owner of the key is who calls.
    """
    assert ("hmac:shop",) == world.ends(world.signed())


def test_nothing_of_a_call_can_be_changed(world):
    """
    Service, method and message are signed. So is every part of the signature.
    """
    for change in (
        lambda call: setattr(call.request, "body", b"bodY"),
        lambda call: setattr(call, "method", evolve(call.method, name="write")),
        lambda call: setattr(call, "method", evolve(call.method, service="demo.Shop")),
        lambda call: setattr(call, "method", evolve(call.method, shape=Shape.SERVER_STREAM)),
    ):
        call = world.signed()
        change(call)
        assert "the key old has not signed this call" == world.reason(call)

    value = world.signed().metadata.get(HEADER)
    for position in range(len(value)):
        call = world.signed()
        changed = "0" if value[position] != "0" else "1"
        text = value[:position] + changed + value[position + 1 :]
        call.metadata = type(call.metadata)(((HEADER, text),))
        assert isinstance(world.ends(call), Unauthenticated)


@pytest.mark.parametrize(
    "pairs",
    [
        [(HEADER, "")],
        [(HEADER, "v1 old 1800000000250 " + "n" * 30)],
        [(HEADER, "v2 old 1800000000250 " + "n" * 30 + " " + "0" * 64)],
        [(HEADER, "v1 old 01800000000250 " + "n" * 30 + " " + "0" * 64)],
        [(HEADER, "v1 old 1800000000250 short " + "0" * 64)],
        [(HEADER, "v1 old 1800000000250 " + "n" * 65 + " " + "0" * 64)],
        [(HEADER, "v1 old\n 1800000000250 " + "n" * 30 + " " + "0" * 64)],
        [(HEADER, b"v1 old 1800000000250 " + b"n" * 30 + b" " + b"0" * 64)],
        [(HEADER, "v1 old 1800000000250 " + "n" * 30 + " " + "0" * 64)] * 2,
    ],
)
def test_malformed(world, pairs):
    """
    What is no signature, or more than one, is refused before anything is computed.
    """
    call = world.signed()
    call.metadata = type(call.metadata)(tuple(pairs))

    assert f"expected one well-formed {HEADER} in the metadata" == world.reason(call)


def test_two_right_signatures(world):
    """
    A second signature makes a call malformed, also if both are right.
    """
    call = world.signed()
    call.metadata = type(call.metadata)(call.metadata.pairs * 2)

    assert "expected one well-formed" in world.reason(call)


@pytest.mark.parametrize(
    ("ahead_s", "passes"), [(29, True), (-29, True), (31, False), (-31, False)]
)
def test_clock_skew(world, ahead_s, passes):
    """
    The clocks of two machines may differ by max_skew.
    """
    ended = world.ends(world.signed(signs=world.credentials(ahead_s)))

    assert passes is (ended == ("hmac:shop",))
    if not passes:
        assert "max_skew is 30 s" in str(ended.__cause__)


def test_replays(world):
    """
    A call is served once, as long as its signature is good; then it is refused as too old.
    """
    call = world.signed()
    assert ("hmac:shop",) == world.ends(call)
    for _ in range(29):
        assert "came a second time" in world.reason(call)
        world.clock.advance(1)
    world.clock.advance(2)
    assert "max_skew is 30 s" in world.reason(call)


def test_a_full_memory(tmp_path):
    """
    If no more signatures can be remembered, calls are refused until the oldest are too old.
    """
    world = World(tmp_path, max_signatures="3")
    calls = [world.signed() for _ in range(4)]
    assert [("hmac:shop",)] * 3 == [world.ends(call) for call in calls[:3]]

    assert isinstance(world.ends(calls[3]), Overloaded)
    assert "came a second time" in world.reason(calls[0])
    world.clock.advance(32)
    assert ("hmac:shop",) == world.ends(world.signed())


def test_rotation(world):
    """
    The newest key signs, all verify; a key that is taken out of the file is good no more.
    """
    by_old = [world.signed(), world.signed()]
    write_keys(world.file, OLD, NEW)
    world.clock.advance(1)
    assert " new " in world.signed().metadata.get(HEADER)
    assert ("hmac:shop",) == world.ends(world.signed())
    assert ("hmac:shop",) == world.ends(by_old[0])
    write_keys(world.file, NEW)
    world.clock.advance(1)
    assert "no key is called 'old'" == world.reason(by_old[1])


def test_a_key_that_is_back(world):
    """
    A replay does not pass because its key was out of the file for a while.

    What was remembered of a key that stays out is forgotten.
    """
    write_keys(world.file, NEW, OLD)
    world.clock.advance(1)
    signs = world.credentials()
    call = world.signed(signs=signs)
    assert ("hmac:shop",) == world.ends(call)
    for lines, reason in (((NEW,), "no key is called 'old'"), ((NEW, OLD), "a second time")):
        write_keys(world.file, *lines)
        world.clock.advance(1)
        assert reason in world.reason(call)
    write_keys(world.file, NEW)
    for seconds, remembered in ((1, 2), (600, 1)):
        world.clock.advance(seconds)
        assert ("hmac:shop",) == world.ends(world.signed(signs=world.credentials()))
        assert remembered == world.server.remembered


def test_a_file_that_breaks(world):
    """
    While the file cannot be used, the keys that were read last are.
    """
    world.ends(world.signed())
    for content in ("nonsense", None):
        world.file.unlink() if content is None else world.file.write_text(content)
        world.clock.advance(1)
        assert ("hmac:shop",) == world.ends(world.signed())


def test_replaced_options(world):
    """
    A replay does not pass because options were replaced.
    """
    call = world.signed()
    world.ends(call)
    later = world.authenticator()
    later.take_over(world.server)

    assert "a second time" in str(world.ends(call, later).__cause__)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_skew": "301s"}, "max_skew: must be 1s to 300s, not 301s"),
        ({"max_signatures": "0"}, "max_signatures: must be at least 1"),
        ({"secrets": "/nowhere"}, "secrets: /nowhere cannot be read"),
    ],
)
def test_wrong_options(tmp_path, options, problem):
    """
    Options that nothing can be verified with are mistakes.
    """
    write_keys(tmp_path / "keys", OLD)
    given = {"secrets": str(tmp_path / "keys"), **options}

    with pytest.raises(SettingsError, match=problem):
        options_of(HMACAuthenticator.Options, **given)
    if "secrets" in options:
        with pytest.raises(SettingsError, match=problem):
            options_of(HMACCredentials.Options, **options)
