"""
The credentials ``hmac``: signs each attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rpcfw.spi.credentials import Credentials
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata
from rpcfw_auth.keys import Key, parse_keys
from rpcfw_auth.signature import HEADER, sign

__all__ = ["HMACCredentials"]

#: A nonce need not be secret, only another one for each call: 120 bits.
_NONCE_BITS = 120


@options
class HMACCredentialsOptions:
    """
    What the INI may say.
    """

    secrets: Path = option(
        NO_DEFAULT, "file with the keys, one a line: ID OWNER SECRET; the last one signs"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing could be signed with. Reads the file.
        """
        problem = file_problem(self.secrets, parse_keys)
        if problem:
            yield "secrets", problem


class HMACCredentials(Credentials):
    """
    Signs service, method, message, time and a nonce with the newest key of a file.
    """

    Options: ClassVar[type] = HMACCredentialsOptions

    def __init__(self, options: HMACCredentialsOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._file = FollowedFile(
            options.secrets, _newest, plugin_context.clock.seconds, plugin_context.time_of_day
        )

    async def start(self) -> None:
        self._file.read()

    def metadata(self, call: Call, body: bytes | None, *, path: str, encrypted: bool) -> Metadata:
        context = self.plugin_context
        nonce = f"{context.random.randrange(1 << _NONCE_BITS):030x}"
        time_ms = int(context.time_of_day() * 1000)
        value = sign(self._file.current(), time_ms, nonce, path, body)
        return Metadata((*call.metadata.pairs, (HEADER, value)))


def _newest(content: bytes) -> Key:
    return [*parse_keys(content).values()][-1]
