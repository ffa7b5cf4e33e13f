"""
Authenticators: find out who calls, from what was sent with the call.

Theory of operation. An authenticator is a filter of a server, between DEADLINE and AUTH. Each
that ``[server] authenticators`` names is asked in turn. One that finds credentials of its kind
adds a name to `Call.identity`, or refuses the call. One that finds none lets it pass. At AUTH
a call is refused that nobody has found a name for, neither these nor TLS.

The peer learns that its credentials were refused, and nothing else. The reason goes to the log.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NoReturn

from twisted.logger import Logger

from rpcfw.errors import Unauthenticated
from rpcfw.spi.events import ParsedBody
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.status import Hint
from rpcfw.values.call import Call
from rpcfw.values.caller_identity import CallerIdentity

__all__ = ["Authenticator", "BearerAuthenticator", "CredentialsRefused", "body_of", "path_of"]

#: Longer ones are refused unread.
_MAX_TOKEN_CHARS = 8192
_BEARER = "bearer "


class CredentialsRefused(Exception):
    """
    Credentials are wrong. The text is for the log of the server: it may not quote a secret.
    """


class Authenticator(Filter):
    """
    A way to find out who calls. A subclass says how, by its `authenticate`.
    """

    log = Logger()

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._log = LimitedLog(self.log, plugin_context.clock.seconds)
        self._refused = plugin_context.meter.counter(
            "rpcfw_authentication_refused_total",
            "calls whose credentials were refused",
            "service",
            "method",
        )

    @abstractmethod
    async def authenticate(self, call: Call) -> CallerIdentity | None:
        """
        Return who calls; None if the call has no credentials of this kind.

        Raises:
            CredentialsRefused: it has, and they are wrong.
        """

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        try:
            identity = await self.authenticate(call)
        except CredentialsRefused as refusal:
            self._refuse(call, refusal)
        if identity is not None:
            call.identity = call.identity.plus(identity)
        return await proceed(call)

    def _refuse(self, call: Call, refusal: CredentialsRefused) -> NoReturn:
        method, name = call.method, type(self).__name__
        self._refused.of(method.service, method.name).value += 1
        self._log.warn_of(
            "refused",
            "{name} refuses a call of {method} from {peer}: {reason}",
            name=name,
            method=method.path,
            peer=call.peer,
            reason=str(refusal),
        )
        raise Unauthenticated(
            f"the credentials of this call of {method.path} are refused", hints=Hint.FINAL
        ) from refusal


class BearerAuthenticator(Authenticator):
    """
    Checks the token in the metadata ``authorization: Bearer TOKEN`` (RFC 6750, section 2.1).

    A subclass says whose token it is, by its `identity_of`.
    """

    @abstractmethod
    async def identity_of(self, token: str, call: Call) -> CallerIdentity:
        """
        Return whose token it is. The text is the caller's, of at most 8,192 characters.

        Raises:
            CredentialsRefused: it is nobody's, or not good for this call.
        """

    async def authenticate(self, call: Call) -> CallerIdentity | None:
        given = call.metadata.all("authorization")
        if not given:
            return None
        value = given[0]
        if len(given) > 1 or not isinstance(value, str):
            raise CredentialsRefused("the metadata authorization is there more than once")
        if not value.lower().startswith(_BEARER):
            return None
        if len(value) > _MAX_TOKEN_CHARS:
            raise CredentialsRefused(f"the token is longer than {_MAX_TOKEN_CHARS} characters")
        return await self.identity_of(value[len(_BEARER) :].strip(), call)


def body_of(call: Call) -> bytes | memoryview:
    """
    Return the message of a unary call in a server, in the very bytes that its caller has sent.
    """
    body: bytes = call.request.body
    return body.sent if isinstance(body, ParsedBody) else body


def path_of(call: Call) -> str:
    """
    Return service and method of a call in a server, as its caller has sent them.
    """
    method = call.method
    # Where head and message are parsed together, the Java types of an overload are in the message.
    if method.unary and isinstance(call.request.body, ParsedBody):
        return method.path.partition("(")[0]
    return method.path
