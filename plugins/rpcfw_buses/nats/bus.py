"""
The bus that a NATS server carries.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw_buses.broker.bus import BrokerBus
from rpcfw_buses.broker.machine import Login
from rpcfw_buses.broker.options import BrokerOptions
from rpcfw_buses.nats.machine import NATSMachine

__all__ = ["NATSBus", "NATSOptions"]


@options
class _NATSAddress:
    """
    What comes first.
    """

    address: tuple[Address, ...] = option(
        "127.0.0.1:4222", "servers of one cluster; write tls: before each for TLS"
    )
    token: str = option("", "token, if the server requires one instead of a user", secret=True)


@options
class NATSOptions(BrokerOptions, _NATSAddress):
    """
    The part of the INI that chooses ``plugin = nats``.
    """

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together.
        """
        yield from super().problems()
        if self.user and not (self.password or self.password_file):
            yield "user", "needs password or password_file"
        if self.password and not self.user:
            yield "password", "needs user"
        if self.token and (self.user or self.password_file is not None):
            yield "token", "token excludes user and password_file"

    @property
    def secret(self) -> str:
        """
        The password, or the token.
        """
        return self.token or self.password


class NATSBus(BrokerBus):
    """
    Core NATS: nothing is stored. A process does not receive its own messages.

    With ``password_file`` and without ``user``, the file has a token.
    """

    Options = NATSOptions
    starts_without_tls = True

    def machine(self, login: Login, address: Address) -> NATSMachine:
        return NATSMachine(
            login,
            self,
            self.max_message_bytes,
            secure=address.scheme == "tls",
            by_token=not login.user,
        )
