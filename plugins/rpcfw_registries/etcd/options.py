"""
The options of the etcd registry.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw.values.units import Seconds
from rpcfw_registries.etcd.opening import file_problem
from rpcfw_registries.remote.paths import normal_root

__all__ = ["EtcdOptions"]

#: Below this, asking would leave the members time for little else.
_MIN_CHECK_S = 0.01


@options
class EtcdOptions:
    """
    The part of the INI that chooses ``plugin = etcd``.
    """

    address: tuple[Address, ...] = option(
        "127.0.0.1:2379", "members of the cluster; write tls: before each for TLS"
    )
    layout: Literal["rpcfw", "dubbo"] = option(
        "rpcfw", "how instances are kept; dubbo: as Apache Dubbo in Java does"
    )
    root: str = option("", "prefix of all keys; empty: /rpcfw, or /dubbo with layout = dubbo")
    show_consumers: bool = option(
        "yes", "with layout = dubbo: show under consumers which services are used here"
    )
    lease: Seconds = option(
        "10s", "how long instances stay listed after a provider has died, in seconds"
    )
    operation_timeout: Seconds = option("3s", "time limit of one request to a member")
    heartbeat_interval: Seconds = option(
        "5s", "how often to check that the member in use answers", was="heartbeat"
    )
    max_reconnect_delay: Seconds = option(
        "5s", "longest delay between attempts to connect to a member", was="reconnect_most"
    )
    self_check_interval: Seconds = option(
        "30s",
        "how often to check that our keys exist and that no change was missed",
        was="self_check",
    )
    min_update_interval: Seconds = option(
        "50ms", "shortest time between two updates of the list of one service", was="merge_changes"
    )
    client: Literal["rpcfw", "etcd3"] = option(
        "rpcfw", "client for etcd: rpcfw itself, or the installed Python package etcd3"
    )
    tls_ca: Path | None = option(
        "", "PEM file with the trusted authorities; without any tls_ option, [tls] is used"
    )
    tls_certificate: Path | None = option("", "PEM file with our certificate, if etcd requires one")
    tls_key: Path | None = option("", "PEM file with the key of our certificate")
    user: str = option("", "user, if etcd has authentication enabled")
    password: str = option("", "password of the user", secret=True)

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together, and files of TLS that are not there.
        """
        try:
            normal_root(self.root or f"/{self.layout}")
        except ValueError as error:
            yield "root", str(error)
        if not self.address or any(each.scheme not in ("tcp", "tls") for each in self.address):
            yield "address", "expected HOST:PORT, several separated by commas"
        for name in ("heartbeat_interval", "self_check_interval"):
            if getattr(self, name) < _MIN_CHECK_S:
                yield name, f"must be at least 10ms, not {getattr(self, name):g}s"
        if bool(self.user) != bool(self.password):
            yield "user", "user and password go together"
        yield from self._tls_problems()

    @property
    def full_root(self) -> str:
        """
        The prefix of all keys, without a slash at its end.
        """
        return normal_root(self.root or f"/{self.layout}")

    def _tls_problems(self) -> Iterator[tuple[str, str]]:
        secure = any(each.scheme == "tls" for each in self.address)
        if bool(self.tls_certificate) != bool(self.tls_key):
            yield "tls_certificate", "tls_certificate and tls_key go together"
        if (self.tls_ca or self.tls_certificate) and not secure:
            yield "address", "for the tls_ options to count, put tls: before each address"
        if self.client == "etcd3" and secure and self.tls_ca is None:
            reason = "with client = etcd3, tls: addresses need tls_ca: the package has no TLS"
            yield "client", f"{reason} without a file of authorities, and sees nothing of [tls]"
        for name in ("tls_ca", "tls_certificate", "tls_key"):
            if problem := file_problem(getattr(self, name)):
                yield name, problem
