"""
The authenticator ``jwt``: verifies bearer tokens that are JSON Web Tokens (RFC 7519).

Which algorithms are good is an option, and not what the token says (RFC 8725, section 3.1).
They are all asymmetric, so no public key is ever taken for a secret. The issuer, the audience,
the subject and the time of expiry have to be there.

A token that was verified is remembered until it expires or the keys change, so most calls pay
for one look-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from rpcfw.spi.authenticator import BearerAuthenticator, CredentialsRefused
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem
from rpcfw.values.call import Call
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.units import Seconds
from rpcfw_auth.jwt_keys import JWTKey, parse_jwt_keys

__all__ = ["JWTAuthenticator"]

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]

#: Of a token that does not name its key, so many are tried.
_MAX_TRIED = 10
_MAX_SUBJECT = 256


@options
class JWTOptions:
    """
    What the INI may say.
    """

    keys: Path = option(NO_DEFAULT, "file with the public keys: PEM, or a JWK Set")
    issuer: str = option(NO_DEFAULT, "who must have issued a token (iss)")
    audience: str = option(NO_DEFAULT, "whom a token must be for (aud), as the name of the service")
    algorithms: tuple[Algorithm, ...] = option("RS256, ES256, EdDSA", "signatures that are good")
    max_skew: Seconds = option(
        "30s", "how far the clock of the issuer may be from that of this machine"
    )
    max_tokens: int = option("10000", "maximum number of verified tokens that are remembered")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing could be verified with. Reads the file.
        """
        if find_spec("jwt") is None or find_spec("cryptography") is None:
            yield "keys", "JSON Web Tokens need the extra 'jwt': pip install 'rpcfw[jwt]'"
            return
        for name in ("issuer", "audience"):
            if not getattr(self, name):
                yield name, "must not be empty"
        if not self.algorithms:
            yield "algorithms", "name at least one"
        if self.max_tokens < 1:
            yield "max_tokens", f"must be at least 1, not {self.max_tokens}"
        problem = file_problem(self.keys, parse_jwt_keys)
        if problem:
            yield "keys", problem


class JWTAuthenticator(BearerAuthenticator):
    """
    Finds ``jwt:SUBJECT`` for calls with a token that is good.
    """

    Options: ClassVar[type] = JWTOptions

    def __init__(self, options: JWTOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._file = FollowedFile(
            options.keys, parse_jwt_keys, plugin_context.clock.seconds, plugin_context.time_of_day
        )
        self._keys: list[JWTKey] = []
        #: Until when a token is good, and whose it is, by its digest; the oldest first.
        self._verified: dict[bytes, tuple[float, CallerIdentity]] = {}

    @property
    def remembered(self) -> int:
        """
        How many tokens are remembered.
        """
        return len(self._verified)

    async def start(self) -> None:
        self._file.read()

    async def identity_of(self, token: str, call: Call) -> CallerIdentity:
        keys = self._file.current()
        if keys is not self._keys:
            self._keys, self._verified = keys, {}
        now_s = self.plugin_context.time_of_day()
        digest = sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and now_s < known[0]:
            return known[1]
        claims = self._claims(token)
        expires_at = self._check_times(claims, now_s)
        identity = _identity(claims)
        if len(self._verified) >= self.options.max_tokens:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = expires_at, identity
        return identity

    def _claims(self, token: str) -> Mapping[str, Any]:
        """
        Return what a token says, if one of the keys has signed it.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise CredentialsRefused("the token is malformed") from error
        algorithm = str(header.get("alg", ""))
        if algorithm not in self.options.algorithms:
            raise CredentialsRefused("the algorithm of the token is not among the options")
        id = header.get("kid", "")
        keys = [key for key in self._keys if key.fits(algorithm, id)]
        if not keys:
            raise CredentialsRefused("no key is for the algorithm and the kid of the token")
        for key in keys[:_MAX_TRIED]:
            try:
                return self._decoded(token, key, algorithm)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, TypeError, ValueError) as error:
                name = type(error).__name__
                raise CredentialsRefused(f"the token is not good: {name}") from error
        raise CredentialsRefused("no key has signed the token")

    def _decoded(self, token: str, key: JWTKey, algorithm: str) -> Mapping[str, Any]:
        import jwt

        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            issuer=self.options.issuer,
            audience=self.options.audience,
            # Times are checked by our own clock.
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        return claims

    def _check_times(self, claims: Mapping[str, Any], now_s: float) -> float:
        """
        Return until when a token is good.
        """
        skew_s: float = self.options.max_skew
        expires_at, not_before = claims["exp"], claims.get("nbf", 0)
        if not (_is_number(expires_at) and _is_number(not_before)):
            raise CredentialsRefused("the token has a time that is no number")
        if now_s >= expires_at + skew_s:
            raise CredentialsRefused(f"the token expired {now_s - expires_at:.0f} s ago")
        if now_s < not_before - skew_s:
            raise CredentialsRefused(f"the token is good in {not_before - now_s:.0f} s only")
        return float(expires_at + skew_s)


def _is_number(value: Any) -> bool:
    # A number as large as JSON allows would overflow a float.
    return type(value) in (int, float) and bool(abs(value) < 1e12)


def _identity(claims: Mapping[str, Any]) -> CallerIdentity:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
        raise CredentialsRefused(f"the subject of the token is no text of 1 to {_MAX_SUBJECT}")
    if not (subject.isascii() and subject.isprintable()):
        raise CredentialsRefused("the subject of the token is not printable ASCII")
    return CallerIdentity((f"jwt:{subject}",), MappingProxyType(dict(claims)))
