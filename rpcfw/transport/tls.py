"""
TLS for addresses that begin with ``tls:``: certificates, trust and ALPN.

A server's certificate is read again when its files have changed, at the next
connection, so that renewing one needs no restart. A client always checks the server's;
for one that no public authority signed, ``ca`` names whom to trust instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLContextFactory,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from zope.interface import implementer

from rpcfw.errors import SetupError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.options import option, options
from rpcfw.values.tls_files import TLSFiles

if TYPE_CHECKING:
    from OpenSSL.SSL import Context
    from twisted.internet.ssl import CertificateOptions

__all__ = ["TLS", "TLSOptions"]


@options
class TLSOptions:
    """
    What addresses that begin with tls: are secured with.
    """

    certificate: Path | None = option("", "PEM file: this side's certificate, and its chain")
    key: Path | None = option("", "PEM file: the certificate's private key, without a password")
    ca: Path | None = option("", "PEM file: whom to trust; empty: the system's authorities")
    clients: Literal["any", "certified"] = option(
        "any", "whom a server lets in: any client, or one with a certificate signed by ca"
    )
    server_name: str = option("", "name that a server's certificate must bear; empty: its host")


class TLS:
    """
    Wraps what connects and what listens.

    Args:
        options: see `TLSOptions`; None for the defaults.
    """

    def __init__(self, options: TLSOptions | None) -> None:
        self._options = options or options_of(TLSOptions)

    @classmethod
    def of_files(cls, files: TLSFiles) -> TLS:
        """
        Return what secures connections with these files, and nothing of ``[tls]``.
        """
        given = {"ca": files.ca, "certificate": files.certificate, "key": files.key}
        return cls(evolve(options_of(TLSOptions), **given))  # type: ignore[misc]  # attrs all the same

    def client(
        self, endpoint: IStreamClientEndpoint, host: str, alpn: str
    ) -> IStreamClientEndpoint:
        """
        Return an endpoint that connects to ``host`` over TLS.

        Raises:
            SetupError: TLS is not installed, or a file cannot be used.
        """
        ssl = _ssl()
        given = self._options
        certificate = None
        if given.certificate is not None:
            pem = _read(given.certificate) + _read(given.key or given.certificate)
            certificate = _used(ssl.PrivateCertificate.loadPEM, pem, given.certificate)
        creator = ssl.optionsForClientTLS(
            given.server_name or host,
            trustRoot=ssl.platformTrust() if given.ca is None else _trust(given.ca),
            clientCertificate=certificate,
            acceptableProtocols=[alpn.encode("ascii")] if alpn else None,
        )
        wrapped: IStreamClientEndpoint = wrapClientTLS(creator, endpoint)
        return wrapped

    def server(self, factory: IProtocolFactory, alpn: Sequence[str]) -> IProtocolFactory:
        """
        Return a factory that speaks TLS and hands what is in it to ``factory``.

        Raises:
            SetupError: TLS is not installed, or no certificate was given.
        """
        _ssl()
        from twisted.protocols.tls import TLSMemoryBIOFactory

        if self._options.certificate is None:
            raise SetupError("to listen at a tls: address, set [tls] certificate and key")
        contexts = _Contexts(self._options, [name.encode("ascii") for name in alpn])
        wrapped: IProtocolFactory = TLSMemoryBIOFactory(
            contexts, isClient=False, wrappedFactory=factory
        )
        return wrapped


@implementer(IOpenSSLContextFactory)
class _Contexts:
    """
    A context factory, in Twisted's sense, that follows its files.
    """

    log = Logger()

    def __init__(self, options: TLSOptions, alpn: list[bytes]) -> None:
        self._options = options
        self._alpn = alpn
        self._read_at = self._changed_at()
        self._made = self._make()

    def getContext(self) -> Context:  # noqa: N802  # the name is Twisted's
        """
        Return the context for one more connection.
        """
        changed_at = self._changed_at()
        if changed_at != self._read_at:
            self._read_at = changed_at
            try:
                self._made = self._make()
            except SetupError as error:
                self.log.warn(
                    "the certificate that was read last stays in use: {error}", error=error
                )
            else:
                self.log.info("read {file} again", file=str(self._options.certificate))
        return self._made.getContext()

    def _changed_at(self) -> list[int]:
        given = self._options
        files = [file for file in (given.certificate, given.key, given.ca) if file is not None]
        return [_changed_at(file) for file in files]

    def _make(self) -> CertificateOptions:
        ssl, given = _ssl(), self._options
        assert given.certificate is not None
        pem = _read(given.certificate)
        key = _used(
            ssl.KeyPair.load,
            _read(given.key or given.certificate),
            given.key or given.certificate,
            1,
        )
        chain = _used(_certificates, pem, given.certificate)
        certified = given.clients == "certified"
        if certified and given.ca is None:
            raise SetupError("[tls] clients = certified needs [tls] ca, whose certificates count")
        made: CertificateOptions = ssl.CertificateOptions(
            privateKey=key.original,
            certificate=chain[0].original,
            extraCertChain=[each.original for each in chain[1:]],
            trustRoot=_trust(given.ca) if certified and given.ca is not None else None,
            acceptableProtocols=self._alpn or None,
        )
        return made


def _ssl() -> Any:
    try:
        from twisted.internet import ssl
    except ImportError as error:
        raise SetupError(f"TLS needs: pip install 'rpcfw[tls]' ({error})") from error
    return ssl


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(f"TLS: {file} cannot be read: {error.strerror}") from error


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _used(load: Any, pem: bytes, file: Path, *arguments: Any) -> Any:
    try:
        return load(pem, *arguments)
    except Exception as error:
        # OpenSSL's own words are lists of numbers, and may quote what was read.
        raise SetupError(f"TLS: {file} is not what it should be: no usable PEM in it") from error


def _certificates(pem: bytes) -> list[Any]:
    end = b"-----END CERTIFICATE-----"
    blocks = [block + end for block in pem.split(end) if b"-----BEGIN CERTIFICATE-----" in block]
    if not blocks:
        raise ValueError("no certificate")
    return [_ssl().Certificate.loadPEM(block) for block in blocks]


def _trust(file: Path) -> Any:
    from twisted.internet._sslverify import trustRootFromCertificates

    return trustRootFromCertificates(_used(_certificates, _read(file), file))
