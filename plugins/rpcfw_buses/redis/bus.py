"""
The bus that Redis carries.

A small client of our own, and not one of the packages: those that run on Twisted keep a
Deferred for each message and bound nothing of what waits for a slow server, nor notice one
that is frozen while they subscribe. All of that is promised by `rpcfw.spi.bus.Bus`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw_buses.broker.bus import BrokerBus
from rpcfw_buses.broker.machine import Login
from rpcfw_buses.broker.options import BrokerOptions
from rpcfw_buses.redis.machine import RedisMachine

__all__ = ["RedisBus", "RedisOptions"]


@options
class _RedisAddress:
    """
    What comes first.
    """

    address: tuple[Address, ...] = option(
        "127.0.0.1:6379",
        "a master and those that may replace it, or nodes of one cluster; write tls: for TLS",
    )


@options
class RedisOptions(BrokerOptions, _RedisAddress):
    """
    The part of the INI that chooses ``plugin = redis``.
    """

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together.
        """
        yield from super().problems()
        if self.user and not (self.password or self.password_file):
            yield "user", "needs password or password_file"


class RedisBus(BrokerBus):
    """
    PUBLISH and SUBSCRIBE: nothing is stored. Needs Redis 6 or later.
    """

    Options = RedisOptions

    def machine(self, login: Login, address: Address) -> RedisMachine:
        return RedisMachine(login, self, self.max_message_bytes)
