"""
The settings for kazoo: servers, TLS, user, and limits in time.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from attrs import field, frozen
from kazoo.security import CREATOR_ALL_ACL, READ_ACL_UNSAFE

from rpcfw.errors import SettingsError
from rpcfw.spi.runtime.files import open_regular
from rpcfw.values.tls_files import TLS12_CIPHERS

__all__ = ["TLS", "Access", "Pace"]


@frozen
class TLS:
    """
    How a server proves itself to us, and we to it.

    Args:
        ca: file of the authorities to trust, None for the system's.
        certificate: file of our own, with ``key``; None for none.
        verify: ``full``, ``chain`` (any host name) or ``none``.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify: str = "full"

    def context(self) -> ssl.SSLContext:
        """
        Read the files.

        Raises:
            SettingsError: one cannot be read, or does not hold what it should.
        """
        try:
            for file in (self.ca, self.certificate, self.key):
                if file is not None:
                    # What is no regular file would hold OpenSSL up.
                    open_regular(file).close()
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(file) for file in (self.ca, self.certificate, self.key) if file)
            raise SettingsError(f"the TLS files {files} cannot be used: {error}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(TLS12_CIPHERS)
        if self.verify != "full":
            context.check_hostname = False
        if self.verify == "none":
            context.verify_mode = ssl.CERT_NONE
        return context


@frozen
class Access:
    """
    Where the servers are and who we are to them.

    Args:
        hosts: ``host:port`` each.
        user: for digest authentication, empty for none.
        public: whether anyone may read what an authenticated user writes.
        tls: None for plain TCP.
    """

    hosts: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    public: bool = False
    tls: TLS | None = None

    def arguments(self) -> dict[str, Any]:
        """
        Return the arguments for kazoo's client.
        """
        arguments: dict[str, Any] = {"hosts": ",".join(self.hosts)}
        if self.user:
            arguments["auth_data"] = [("digest", f"{self.user}:{self.password}")]
            readers = READ_ACL_UNSAFE if self.public else []
            arguments["default_acl"] = [*CREATOR_ALL_ACL, *readers]
        return arguments


@frozen
class Pace:
    """
    The limits in time.
    """

    session_timeout_s: float
    operation_timeout_s: float
    connect_timeout_s: float
    max_reconnect_delay_s: float
