"""
Bearer tokens that are JSON Web Tokens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from twisted.internet.task import Clock

pytest.importorskip("jwt")

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from rpcfw.errors import SettingsError, Unauthenticated
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.authenticator import AuthenticatorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_auth.jwt_authenticator import JWTAuthenticator
from tests.certificates import Authority

NOW = 1_800_000_000
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
CLAIMS = {"iss": "issuer", "aud": "shop", "sub": "bob", "exp": NOW + 60}


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def token(key=RSA, algorithm="RS256", headers=None, **claims):
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(said, key, algorithm, headers=headers)


class World:
    """
    A server whose keys are in a file.
    """

    def __init__(self, folder, content=None, **options):
        self.clock = Clock()
        self.file = folder / "keys.pem"
        self.file.write_bytes(content or pem(RSA) + pem(EC) + pem(ED))
        given = {"keys": str(self.file), "issuer": "issuer", "audience": "shop", **options}
        context = plugin_context(self.clock, time_of_day=lambda: NOW + self.clock.seconds())
        self.server = JWTAuthenticator(options_of(JWTAuthenticator.Options, **given), context)

    def call(self, value):
        return a_call(metadata={"authorization": f"Bearer {value}"})

    def ends(self, value):
        """
        Return the identity that the method sees, or why the call is refused.
        """

        async def rest(call):
            return call.identity

        try:
            self.server.bind(rest)(self.call(value)).send(None)
        except StopIteration as end:
            return end.value
        except Unauthenticated as error:
            return str(error.__cause__)
        raise AssertionError("it waits")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class TestJWTAuthenticatorContract(AuthenticatorContract):
    @pytest.fixture(autouse=True)
    def _world(self, tmp_path):
        self.world = World(tmp_path)

    def make(self):
        return self.world.server

    def good_calls(self):
        return [self.world.call(token()), self.world.call(token(EC, "ES256"))]

    def bad_calls(self):
        return [self.world.call("nonsense"), self.world.call(token(exp=1))]


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")], ids=["rsa", "ec", "ed"]
)
def test_a_good_token(world, key, algorithm):
    """
    Its subject is who calls, and the method can see its claims.
    """
    for _ in range(2):
        identity = world.ends(token(key, algorithm, role="admin", aud=["shop", "bank"]))
        assert ("jwt:bob",) == identity.names
        assert "admin" == identity.claims["role"]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "other"}, "InvalidIssuerError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"aud": "bank"}, "InvalidAudienceError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"sub": ""}, "no text of 1 to 256"),
        ({"sub": "b" * 257}, "no text of 1 to 256"),
        ({"sub": "bob\n"}, "not printable ASCII"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"exp": NOW - 31}, "the token expired 31 s ago"),
        ({"exp": True}, "a time that is no number"),
        ({"exp": 10**400}, "a time that is no number"),
        ({"nbf": NOW + 31}, "the token is good in 31 s only"),
        ({"nbf": [1]}, "a time that is no number"),
    ],
)
def test_wrong_claims(world, claims, reason):
    """
    Issuer, audience, subject and times have to be there, and right.
    """
    assert reason in world.ends(token(**claims))


def test_other_algorithms(world):
    """
    What is not among the options is refused: none, secrets, and the public key as a secret.
    """
    unsigned = token(None, "none")
    head, body, _ = token().split(".")
    text = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
    confused = base64.urlsafe_b64encode(text).rstrip(b"=").decode() + f".{body}."
    code = hmac.new(pem(RSA), confused.rstrip(".").encode(), hashlib.sha256).digest()
    confused += base64.urlsafe_b64encode(code).rstrip(b"=").decode()
    for value in (unsigned, confused, token(RSA, "PS256"), token(RSA, "RS512"), f"{head}.{body}."):
        assert world.ends(value) in (
            "the algorithm of the token is not among the options",
            "no key has signed the token",
        )


def test_another_key(world):
    """
    A token that another key has signed is refused, whatever it says.
    """
    other = rsa.generate_private_key(65537, 2048)
    assert "no key has signed the token" == world.ends(token(other))
    value = token()
    changed = value[:-5] + ("A" if value[-5] != "A" else "B") + value[-4:]
    assert "no key has signed the token" == world.ends(changed)
    assert "the token is malformed" == world.ends("a.b.c")


def test_a_token_expires_while_it_is_remembered(world):
    """
    A token is verified once, and refused when its time is over.
    """
    value = token()
    assert ("jwt:bob",) == world.ends(value).names
    world.clock.advance(89)
    assert ("jwt:bob",) == world.ends(value).names
    world.clock.advance(1)
    assert "expired" in world.ends(value)


def test_remembered_tokens_are_bounded(tmp_path):
    """
    However many tokens come, a fixed number is remembered.
    """
    world = World(tmp_path, max_tokens="3")
    for number in range(10):
        assert (f"jwt:{number}",) == world.ends(token(sub=str(number))).names
    assert 3 == world.server.remembered


def test_keys_are_followed(world):
    """
    A key that is taken out of the file is good no more, also for tokens that are remembered.
    """
    value = token()
    assert ("jwt:bob",) == world.ends(value).names
    world.file.write_bytes(pem(EC))
    world.clock.advance(1)
    assert "no key is for the algorithm" in world.ends(value)


def test_a_jwk_set(tmp_path):
    """
    A token that names its key is verified with that one, and with its algorithm.
    """
    entries = [
        {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "a", "alg": "RS256"},
        {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "b", "use": "sig"},
        {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "c", "use": "enc"},
    ]
    options = {"algorithms": "RS256, PS256, ES256"}
    world = World(tmp_path, json.dumps({"keys": entries}).encode(), **options)
    assert ("jwt:bob",) == world.ends(token(headers={"kid": "a"})).names
    assert ("jwt:bob",) == world.ends(token(EC, "ES256", {"kid": "b"})).names
    unknown = "no key is for the algorithm and the kid of the token"
    assert unknown == world.ends(token(RSA, "PS256", {"kid": "a"}))
    assert unknown == world.ends(token(headers={"kid": "b"}))
    assert unknown == world.ends(token(EC, "ES256", {"kid": "c"}))


def test_certificates(tmp_path):
    """
    The key of a certificate is good, too.
    """
    issued = Authority(tmp_path).issue("signer")
    world = World(tmp_path, issued.certificate.read_bytes())
    assert ("jwt:bob",) == world.ends(token(issued.key.read_bytes(), "ES256")).names


SECRET_PEM = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PRIVATE = {"keys": [ECAlgorithm.to_jwk(EC, as_dict=True)]}


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        (b"nothing", {}, "keys: .* expected public keys or certificates in PEM"),
        (SECRET_PEM, {}, "keys: .* has a private key"),
        (pem(EC)[:40] + pem(EC)[60:], {}, "block number 1 is no public key"),
        (b'{"keys": 5}', {}, "expected a JWK Set"),
        (b"{", {}, "expected a JWK Set"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', {}, "key number 1 is secret"),
        (json.dumps(PRIVATE).encode(), {}, "key number 1 is secret"),
        (b'{"keys": [{"kty": "EC"}]}', {}, "key number 1 cannot be used"),
        (b'{"keys": []}', {}, "expected public keys"),
        (pem(EC) * 101, {}, "has 101 keys; at most 100"),
        (None, {"issuer": ""}, "issuer: must not be empty"),
        (None, {"audience": ""}, "audience: must not be empty"),
        (None, {"algorithms": ""}, "algorithms: name at least one"),
        (None, {"algorithms": "HS256"}, "algorithms"),
        (None, {"max_tokens": "0"}, "max_tokens: must be at least 1"),
    ],
)
def test_mistakes(tmp_path, content, options, problem):
    """
    Keys that are secret or cannot be read, and options without a sense, are mistakes.
    """
    with pytest.raises(SettingsError, match=problem) as raised:
        World(tmp_path, content, **options)
    assert "c2VjcmV0" not in str(raised.value)
