"""
The options that all brokers have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.followed_file import file_problem
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles
from rpcfw.values.units import Bytes, Seconds

__all__ = ["BrokerOptions"]

#: Below this, pings would leave the broker time for little else.
_MIN_PING_S = 0.01


@options
class BrokerOptions:
    """
    Joined with a class that declares ``address``, and what its broker alone has.
    """

    user: str = option("", "user, if the broker requires one")
    password: str = option("", "password of the user", secret=True)
    password_file: Path | None = option(
        "", "file with the password, instead of password; read again when it changes"
    )
    tls_ca: Path | None = option(
        "", "PEM file with the trusted authorities; without any tls_ option, [tls] is used"
    )
    tls_certificate: Path | None = option(
        "", "PEM file with our certificate, if the broker requires one"
    )
    tls_key: Path | None = option("", "PEM file with the key of our certificate")
    connect_timeout: Seconds = option("3s", "time limit until a broker has accepted a connection")
    ping_interval: Seconds = option(
        "3s", "time between pings; a broker that has not answered one by the next is given up"
    )
    max_reconnect_delay: Seconds = option(
        "5s", "longest delay between attempts to connect to a broker"
    )
    max_waiting_bytes: Bytes = option(
        "8MiB", "maximum size of messages that wait for a slow broker; more are dropped"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together, and files that cannot be read.
        """
        if not self.addresses:
            yield "address", "expected HOST:PORT, several separated by commas"
        if self.ping_interval < _MIN_PING_S:
            yield "ping_interval", f"must be at least 10ms, not {self.ping_interval:g}s"
        if self.password and self.password_file is not None:
            yield "password_file", "password and password_file exclude each other"
        if bool(self.tls_certificate) != bool(self.tls_key):
            yield "tls_certificate", "tls_certificate and tls_key go together"
        if self.tls_files.given and all(each.scheme != "tls" for each in self.addresses):
            yield "address", "for the tls_ options to count, put tls: before each address"
        for name in ("password_file", "tls_ca", "tls_certificate", "tls_key"):
            file = getattr(self, name)
            if file is not None and (problem := file_problem(file, bytes)):
                yield name, problem

    @property
    def addresses(self) -> tuple[Address, ...]:
        """
        Where the brokers are.
        """
        return tuple(self.address)  # type: ignore[attr-defined]  # of the class it is joined with

    @property
    def secret(self) -> str:
        """
        What proves who connects.
        """
        return self.password

    @property
    def tls_files(self) -> TLSFiles:
        """
        The files for TLS.
        """
        return TLSFiles(self.tls_ca, self.tls_certificate, self.tls_key)
