"""
Bearer tokens: who sends them, and how a plugin of a user's checks them.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError, Unauthenticated
from rpcfw.kernel.settings import options_of
from rpcfw.spi.authenticator import BearerAuthenticator, CredentialsRefused
from rpcfw.spi.plugin import NoOptions
from rpcfw.status import Hint
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.authenticator import AuthenticatorContract
from rpcfw.testing.contracts.credentials import CredentialsContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw_auth.bearer_credentials import BearerCredentials


class Tokens(BearerAuthenticator):
    """
    A user's plugin: one token is good.
    """

    async def identity_of(self, token, call):
        if token != "good":
            raise CredentialsRefused("unknown token")
        return CallerIdentity(("token:bob",))


def bearing(*values):
    return a_call(metadata=[("authorization", value) for value in values])


class TestTokensContract(AuthenticatorContract):
    def make(self):
        return Tokens(NoOptions(), plugin_context())

    def good_calls(self):
        return [bearing("Bearer good"), bearing("bearer   good ")]

    def bad_calls(self):
        return [
            bearing("Bearer bad"),
            bearing("Bearer "),
            bearing("Bearer good", "Bearer good"),
            bearing("Bearer " + "x" * 8192),
        ]


def test_other_schemes_are_for_others():
    """
    What is no bearer token is none of this authenticator's.
    """
    call = bearing("Basic Ym9iOmJvYg==")
    coroutine = Tokens(NoOptions(), plugin_context()).authenticate(call)
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    assert end.value.value is None


def credentials(path, clock=None, **options):
    made = options_of(BearerCredentials.Options, token=str(path), **options)
    return BearerCredentials(made, plugin_context(clock))


class TestBearerCredentialsContract(CredentialsContract):
    @pytest.fixture(autouse=True)
    def _token(self, tmp_path):
        self.path = tmp_path / "token"
        self.path.write_text("abc.def\n")

    def make(self):
        return credentials(self.path)


def test_the_token_is_followed(tmp_path):
    """
    A token that is renewed in its file is sent from then on.
    """
    path, clock = tmp_path / "token", Clock()
    path.write_text("first\n")
    made = credentials(path, clock)
    assert "Bearer first" == sent(made, encrypted=True)
    path.write_text("second\n")
    clock.advance(1)
    assert "Bearer second" == sent(made, encrypted=True)


def test_a_token_is_not_shown_to_everybody(tmp_path):
    """
    Without TLS a call is not sent, unless the options allow it.
    """
    path = tmp_path / "token"
    path.write_text("secret")
    with pytest.raises(Unauthenticated, match="sent over TLS only") as raised:
        sent(credentials(path), encrypted=False)
    assert Hint.NEVER_SENT | Hint.FINAL == raised.value.hints
    assert "secret" not in str(raised.value)
    allowed = credentials(path, without_tls="yes")
    assert "Bearer secret" == sent(allowed, encrypted=False)


def sent(made, *, encrypted):
    return made.metadata(a_call(), b"", path="", encrypted=encrypted).get("authorization")


@pytest.mark.parametrize("content", ["", "two words", "a\nb", "ä", "x" * 8193])
def test_what_is_no_token(tmp_path, content):
    """
    A file without one token is a mistake, and is not quoted.
    """
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(SettingsError, match="expected one token of at most") as raised:
        credentials(path)
    assert "words" not in str(raised.value)
