"""
Who may see a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from rpcfw.admin.exchange import Asked
from rpcfw.admin.options import ACCESS_FIELDS, INDEX, AdminOptions
from rpcfw.errors import CallError, Unauthenticated
from rpcfw.spi.access.followed_rules import FollowedRules
from rpcfw.spi.authenticator import Authenticator
from rpcfw.spi.page import PageRefused
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.call import Call
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.metadata import Metadata
from rpcfw.values.method import Method, Shape
from rpcfw.values.peer_host import host_of

__all__ = ["SERVICE", "Gate"]

#: Authenticators are for calls: a request for ``/status`` is a call of ``rpcfw.Admin/status``,
#: whose metadata are the headers, and whose message is the body.
SERVICE = "rpcfw.Admin"


@frozen(eq=False)
class _Body:
    """
    The message of such a call.
    """

    body: bytes


class Gate:
    """
    Finds out who asks, and decides by the rules of ``[admin] access``.

    Args:
        options: see `AdminOptions`.
        authenticators: are asked in turn.
        plugin_context: has the clock.
    """

    log = Logger()

    def __init__(
        self,
        options: AdminOptions,
        authenticators: Sequence[Authenticator],
        plugin_context: PluginContext,
    ) -> None:
        self._changes = options.changes
        self._authenticators = tuple(authenticators)
        self._rules = FollowedRules(
            options.access,
            options.access_file,
            ACCESS_FIELDS,
            plugin_context,
            default_allows=options.access_default == "allow",
        )
        self._log = LimitedLog(self.log, plugin_context.clock.seconds)

    def open(self) -> None:
        """
        Read the rules.

        Raises:
            SetupError: their file cannot be used.
        """
        self._rules.read()

    async def identity(self, asked: Asked, page: str) -> CallerIdentity:
        """
        Return who asks: by the certificate, and by what the headers say.

        Args:
            page: its name; empty for the index and for what is no page.

        Raises:
            PageRefused: the credentials are wrong.
        """
        call = _call(asked, page or INDEX)
        try:
            for each in self._authenticators:
                await each.apply(call, _nothing)
        except Unauthenticated:
            raise _unauthenticated("the credentials of this request are refused") from None
        except CallError as error:
            raise PageRefused(503, error.message, 10) from error
        return call.identity

    def check(self, asked: Asked, identity: CallerIdentity, page: str, *, changes: bool) -> None:
        """
        See that somebody may see a page, or change something with it.

        Raises:
            PageRefused: it may not. It learns no more; the reason is logged.
        """
        facts: dict[str, Sequence[str]] = {
            "action": ("change" if changes else "read",),
            "host": (host_of(asked.peer),),
            "identity": identity.names,
            "page": (page or INDEX,),
        }
        reason = self._rules.refusal(facts)
        if reason:
            self._log.warn_of(
                "refused",
                "{who} from {peer} may not see the admin page {page}: {reason}",
                who=str(identity),
                peer=asked.peer,
                page=page or INDEX,
                reason=reason,
            )
            if self._authenticators and not identity.names:
                raise _unauthenticated("this page is for known callers: send credentials")
            raise PageRefused(403, "this page is not for this caller")
        if changes and not self._changes:
            raise PageRefused(403, "this page changes something: set [admin] changes = yes")


def _unauthenticated(reason: str) -> PageRefused:
    return PageRefused(401, reason)


def _call(asked: Asked, page: str) -> Call:
    pairs = [(name, text) for name, values in asked.headers.items() for text in values]
    method = Method(SERVICE, page, Shape.UNARY, bytes, bytes, "raw")
    return Call(
        method,
        _Body(asked.body),
        metadata=Metadata(tuple(pairs)),
        peer=asked.peer,
        identity=asked.identity,
    )


async def _nothing(call: Call) -> Any:
    """
    End the call: it was for the authenticator alone.
    """
