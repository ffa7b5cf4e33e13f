"""
What a secure channel shows, and whom it trusts: files of PEM.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any

from attrs import frozen

__all__ = ["ChannelCredentials", "ssl_channel_credentials", "tls_settings"]


@frozen
class ChannelCredentials:
    """
    Files for TLS; made by `ssl_channel_credentials`.
    """

    root_certificates: Path | None = None
    private_key: Path | None = None
    certificate_chain: Path | None = None


def ssl_channel_credentials(
    root_certificates: str | PathLike[str] | None = None,
    private_key: str | PathLike[str] | None = None,
    certificate_chain: str | PathLike[str] | None = None,
) -> ChannelCredentials:
    """
    Return credentials for `secure_channel`, named as grpcio's, but of files.

    Args:
        root_certificates: whom to trust; None for the system's authorities.
        private_key: of the certificate; None if it is in that file.
        certificate_chain: our certificate, if the server wants one.

    Raises:
        TypeError: a file's contents came in place of its path.
    """
    if private_key is not None and certificate_chain is None:
        raise TypeError("a private_key needs the certificate_chain that it belongs to")
    return ChannelCredentials(
        _path("root_certificates", root_certificates),
        _path("private_key", private_key),
        _path("certificate_chain", certificate_chain),
    )


def tls_settings(credentials: Any) -> list[str]:
    """
    Return the settings that credentials stand for.

    Raises:
        TypeError: they are not ours.
    """
    if not isinstance(credentials, ChannelCredentials):
        raise TypeError(
            f"{type(credentials).__module__}.{type(credentials).__name__} cannot be read; pass "
            "rpcfw_grpc.adapters.ssl_channel_credentials(...) with the paths of PEM files"
        )
    files = {
        "ca": credentials.root_certificates,
        "key": credentials.private_key,
        "certificate": credentials.certificate_chain,
    }
    return [f"tls.{name}={path}" for name, path in files.items() if path is not None]


def _path(name: str, given: Any) -> Path | None:
    if given is None:
        return None
    path = fspath(given) if isinstance(given, PathLike) else given
    # Nothing of what came is shown: it may be a key.
    if not isinstance(path, str) or "-----BEGIN" in path:
        raise TypeError(f"{name} is the path of a PEM file here, not its contents")
    return Path(path).absolute()
