"""
The options of the ZooKeeper registry, and what its parts are made with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rpcfw.errors import SettingsError
from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw.values.units import Seconds
from rpcfw_registries.remote.paths import normal_root
from rpcfw_registries.zookeeper.kazoo.access import TLS, Access, Pace

__all__ = ["ZooKeeperOptions"]

#: Below this, checking would leave the servers time for little else.
_MIN_CHECK_S = 0.1


@options
class ZooKeeperOptions:
    """
    The part of the INI that chooses ``plugin = zookeeper``.
    """

    address: tuple[Address, ...] = option("127.0.0.1:2181", "servers of the ensemble")
    layout: Literal["rpcfw", "dubbo"] = option(
        "rpcfw", "how instances are kept; dubbo: as Apache Dubbo in Java does"
    )
    root: str = option("", "path of all znodes; empty: /rpcfw, or /dubbo with layout = dubbo")
    register_mode: Literal["all", "instance", "interface"] = option(
        "all",
        "with layout = dubbo: the levels at which services are announced; instance: that of "
        "applications",
    )
    show_consumers: bool = option(
        "yes", "with layout = dubbo: show under consumers which services are used here"
    )
    session_timeout: Seconds = option(
        "10s", "how long instances stay listed after a provider has died; the servers may change it"
    )
    operation_timeout: Seconds = option("5s", "time limit of one request to a server")
    connect_timeout: Seconds = option("3s", "time limit of one attempt to connect")
    max_reconnect_delay: Seconds = option(
        "5s", "longest delay between attempts to connect, before jitter", was="reconnect_most"
    )
    self_check_interval: Seconds = option(
        "30s",
        "how often to check that our znodes exist and that no change was missed",
        was="self_check",
    )
    min_update_interval: Seconds = option(
        "50ms", "shortest time between two reads of the list of one service", was="merge_changes"
    )
    user: str = option(
        "", "user for digest authentication; only this user may change what it wrote"
    )
    password: str = option("", "password of the user", secret=True)
    readers: Literal["user", "anyone"] = option("user", "who may read what the user wrote")
    tls: bool = option("no", "connect with TLS, to the secure port of the servers")
    tls_ca: Path | None = option(
        "", "file with the trusted authorities; empty: those of the system"
    )
    tls_certificate: Path | None = option(
        "", "file with our certificate, if the servers require one"
    )
    tls_key: Path | None = option("", "file with the key of our certificate")
    tls_verify: Literal["full", "chain", "none"] = option(
        "full",
        "full: check the certificate and its host name; chain: only its chain; none: nothing",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together, and files of TLS that cannot be used.
        """
        try:
            normal_root(self.root or f"/{self.layout}")
        except ValueError as error:
            yield "root", str(error)
        if self.self_check_interval < _MIN_CHECK_S:
            yield (
                "self_check_interval",
                f"must be at least 100ms, not {self.self_check_interval:g}s",
            )
        if not self.address or any(each.scheme != "tcp" for each in self.address):
            yield "address", "expected HOST:PORT, several separated by commas"
        if bool(self.user) != bool(self.password) or ":" in self.user:
            yield "user", "user and password go together; no colon may be in the user"
        if bool(self.tls_certificate) != bool(self.tls_key):
            yield "tls_certificate", "tls_certificate and tls_key go together"
        elif self.tls:
            try:
                _tls(self).context()
            except SettingsError as error:
                yield "tls", str(error)

    @property
    def full_root(self) -> str:
        """
        The path of all znodes, without a slash at its end.
        """
        return normal_root(self.root or f"/{self.layout}")

    def access(self) -> Access:
        """
        Return where the servers are, and how to authenticate there.
        """
        return Access(
            hosts=tuple(str(each).removeprefix("tcp:") for each in self.address),
            user=self.user,
            password=self.password,
            public=self.readers == "anyone",
            tls=_tls(self) if self.tls else None,
        )

    def pace(self) -> Pace:
        """
        Return the time limits of the session.
        """
        return Pace(
            session_timeout_s=self.session_timeout,
            operation_timeout_s=self.operation_timeout,
            connect_timeout_s=self.connect_timeout,
            max_reconnect_delay_s=self.max_reconnect_delay,
        )


def _tls(options: ZooKeeperOptions) -> TLS:
    return TLS(options.tls_ca, options.tls_certificate, options.tls_key, options.tls_verify)
