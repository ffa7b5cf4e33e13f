"""
The credentials ``bearer``: send a token from a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rpcfw.errors import Unauthenticated
from rpcfw.spi.credentials import Credentials
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem
from rpcfw.status import Hint
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata

__all__ = ["BearerCredentials"]

#: The characters of RFC 6750, section 2.1.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/\-]{1,8192}=*\Z")


@options
class BearerCredentialsOptions:
    """
    What the INI may say.
    """

    token: Path = option(NO_DEFAULT, "file with the token; read again when it changes")
    without_tls: bool = option(
        "no", "yes: send it on connections that others can read, too; they can then use it"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find a file without a token. Reads it.
        """
        problem = file_problem(self.token, _parse)
        if problem:
            yield "token", problem


class BearerCredentials(Credentials):
    """
    Adds ``authorization: Bearer TOKEN`` (RFC 6750) to each attempt.
    """

    Options: ClassVar[type] = BearerCredentialsOptions

    def __init__(self, options: BearerCredentialsOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._file = FollowedFile(
            options.token, _parse, plugin_context.clock.seconds, plugin_context.time_of_day
        )

    async def start(self) -> None:
        self._file.read()

    def metadata(self, call: Call, body: bytes | None, *, path: str, encrypted: bool) -> Metadata:
        if not encrypted and not self.options.without_tls:
            raise Unauthenticated(
                "a bearer token is sent over TLS only, and this connection has none; use a tls: "
                "address, or set [credentials] without_tls = yes",
                hints=Hint.NEVER_SENT | Hint.FINAL,
            )
        return Metadata((*call.metadata.pairs, ("authorization", self._file.current())))


def _parse(content: bytes) -> str:
    token = content.strip()
    if not _TOKEN.match(token):
        raise ValueError("expected one token of at most 8192 of the characters A-Za-z0-9._~+/-=")
    return f"Bearer {token.decode()}"
