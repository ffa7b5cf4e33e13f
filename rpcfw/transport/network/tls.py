"""
TLS for addresses that begin with ``tls:``: certificates, trust and ALPN.

The files of either side are read again when they have changed, at the next connection, so
that renewing a certificate needs no restart. A client always checks the server's; for one
that no public authority signed, ``ca`` names whom to trust instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import SetupError
from rpcfw.kernel.extras import needs
from rpcfw.kernel.settings import options_of
from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.network.certificates import Identity, load_certificates, load_identity
from rpcfw.transport.network.end_reason import handshake_error
from rpcfw.transport.network.tls_contexts import Contexts
from rpcfw.values.tls_files import TLS12_CIPHERS, TLSFiles

if TYPE_CHECKING:
    from OpenSSL.SSL import Context

    from rpcfw.transport.network.server_identity import ServerIdentity
    from rpcfw.transport.network.tls_sessions import Sessions

__all__ = ["TLS", "TLSOptions"]


@options
class TLSOptions:
    """
    What addresses that begin with tls: are secured with.
    """

    certificate: Path | None = option(
        "", "PEM file with the certificate of this side, and its chain"
    )
    key: Path | None = option(
        "", "PEM file with the private key of the certificate, without a password"
    )
    ca: Path | None = option(
        "", "PEM file with the trusted authorities; empty: those of the system"
    )
    clients: Literal["any", "certified"] = option(
        "any", "clients that a server accepts: any, or certified: with a certificate signed by ca"
    )
    server_name: str = option(
        "", "name that the server's certificate must have; empty: the host of the address"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together, and files that cannot be used. Reads every file.
        """
        if self.key is not None and self.certificate is None:
            yield "key", "needs [tls] certificate, the one that it belongs to"
        if self.clients == "certified" and self.ca is None:
            yield "clients", "certified needs [tls] ca, whose certificates count"
        if self.server_name:
            yield from _tried("server_name", _server_identity, self.server_name)
        if self.certificate is not None:
            files = self.certificate, self.key
            unusable = [*_tried("certificate", _certificates, self.certificate)]
            unusable = unusable or [*_tried("key", load_identity, *files)]
            yield from unusable or _tried("certificate", _own_context, *files)
        if self.ca is not None:
            yield from _tried("ca", _trust, self.ca)


class TLS:
    """
    Wraps what connects and what listens.

    Args:
        options: see `TLSOptions`; None for the defaults.
        clock: for the age of sessions.
        time_of_day: seconds since 1970, to warn of a certificate that is out of date;
            None for no warning.
    """

    log = Logger()

    def __init__(
        self,
        options: TLSOptions | None,
        clock: Clock,
        time_of_day: Callable[[], float] | None = None,
    ) -> None:
        self._options = options or options_of(TLSOptions)
        self._time_of_day = time_of_day
        self._clock = clock
        self._client_contexts: Contexts | None = None
        self._sessions: Sessions | None = None

    @classmethod
    def of_files(cls, files: TLSFiles, clock: Clock) -> TLS:
        """
        Return a TLS object for these files, without anything of ``[tls]``.
        """
        given = {"ca": files.ca, "certificate": files.certificate, "key": files.key}
        return cls(evolve(options_of(TLSOptions), **given), clock)  # type: ignore[misc]  # attrs all the same

    def check(self) -> None:
        """
        Read every file that is named, so that a mistake is found before it is needed.

        Raises:
            SetupError: TLS is not installed, or something cannot be used.
        """
        mistakes = [f"[tls] {name}: {reason}" for name, reason in self._options.problems()]
        if mistakes:
            raise SetupError("\n".join(mistakes))

    def client(
        self, endpoint: IStreamClientEndpoint, host: str, alpn: str, address: str = ""
    ) -> IStreamClientEndpoint:
        """
        Return an endpoint that connects to ``host`` over TLS.

        Args:
            address: where the endpoint connects to; see `client_creator`.

        Raises:
            SetupError: TLS is not installed, or something cannot be used.
        """
        creator = self.client_creator(host, alpn, address)
        wrapped: IStreamClientEndpoint = wrapClientTLS(creator, endpoint)
        return wrapped

    def client_creator(
        self, host: str, alpn: str, address: str = ""
    ) -> IOpenSSLClientConnectionCreator:
        """
        Return what makes a client's side of TLS, for one connection to ``host``.

        Args:
            address: tells several servers of one name apart: each has sessions of its own.

        Raises:
            SetupError: TLS is not installed, or something cannot be used.
        """
        _ssl()
        from rpcfw.transport.network.server_identity import VerifiedConnections
        from rpcfw.transport.network.tls_sessions import Sessions

        server = _server_identity(self._options.server_name or host)
        contexts = self._client_contexts
        if contexts is None:
            contexts = self._client_contexts = Contexts(self._files(), self._read_client)
        if self._sessions is None:
            self._sessions = Sessions(self._clock)
        sessions = self._sessions.of(contexts.getContext())
        return VerifiedConnections(sessions, server, [alpn] if alpn else [], address)

    def server(self, factory: IProtocolFactory, alpn: Sequence[str]) -> IProtocolFactory:
        """
        Return a factory that speaks TLS and passes the decrypted bytes to ``factory``.

        Raises:
            SetupError: TLS is not installed, or no certificate was given.
        """
        _ssl()
        from rpcfw.transport.network.tls_port import TLSPort

        given = self._options
        if given.certificate is None:
            raise SetupError("to listen at a tls: address, set [tls] certificate and key")
        self.check()
        contexts = Contexts(self._files(), lambda: self._read_server(alpn), self._clock)
        wrapped: IProtocolFactory = TLSPort(contexts, isClient=False, wrappedFactory=factory)
        return wrapped

    def _files(self) -> list[Path]:
        given = self._options
        return [file for file in (given.certificate, given.key, given.ca) if file is not None]

    def _read_client(self) -> Callable[[], Context]:
        ca = self._options.ca
        identity = None if self._options.certificate is None else self._read()
        trust = _ssl().platformTrust() if ca is None else _trust(ca)
        return partial(_context, identity, trust, ())

    def _read_server(self, alpn: Sequence[str]) -> Callable[[], Context]:
        given, identity = self._options, self._read()
        self._warn(identity)
        certified = given.clients == "certified" and given.ca is not None
        return partial(_context, identity, _trust(given.ca) if certified else None, alpn)

    def _read(self) -> Identity:
        given = self._options
        assert given.certificate is not None
        _ssl()
        return load_identity(given.certificate, given.key)

    def _warn(self, identity: Identity) -> None:
        warning = "" if self._time_of_day is None else identity.warning(self._time_of_day())
        if warning:
            self.log.warn("TLS: {warning}; peers will refuse it", warning=warning)


def _ssl() -> Any:
    try:
        import service_identity  # noqa: F401  # what checks names, of the same extra
        from twisted.internet import ssl
    except ImportError as error:
        raise SetupError(f"TLS {needs('tls')} ({error})") from error
    return ssl


def _tried(option_name: str, use: Callable[..., object], *given: Any) -> Iterator[tuple[str, str]]:
    """
    Use what an option names; give the option and the reason if that cannot be done.
    """
    try:
        use(*given)
    except SetupError as error:
        yield option_name, str(error).removeprefix("TLS: ")


def _certificates(file: Path) -> object:
    _ssl()
    return load_certificates(file)


def _server_identity(name: str) -> ServerIdentity:
    _ssl()
    from rpcfw.transport.network.server_identity import ServerIdentity

    try:
        return ServerIdentity(name)
    except ValueError as error:
        raise SetupError(f"TLS: no certificate can be for the name {name!r}: {error}") from error


def _trust(file: Path | None) -> Any:
    ssl = _ssl()
    from OpenSSL.crypto import X509

    assert file is not None
    trusted = [ssl.Certificate(X509.from_cryptography(each)) for each in load_certificates(file)]
    return ssl.trustRootFromCertificates(trusted)


def _own_context(certificate: Path, key: Path | None) -> Context:
    return _context(load_identity(certificate, key), None, ())


def _context(identity: Identity | None, trust: Any, alpn: Sequence[str]) -> Context:
    """
    Return what OpenSSL needs for connections.

    Args:
        identity: what is shown to the peer.
        trust: whose certificates a peer has to show; None: it need not show any.

    Raises:
        SetupError: OpenSSL does not take the certificate.
    """
    ssl = _ssl()
    from OpenSSL.crypto import X509, PKey
    from OpenSSL.SSL import Error

    shown = {}
    if identity is not None:
        first, *rest = [X509.from_cryptography(each) for each in identity.chain]
        key = PKey.from_cryptography_key(identity.key)
        shown = {"certificate": first, "extraCertChain": rest, "privateKey": key}
    asked = ssl.CertificateOptions(
        trustRoot=trust,
        acceptableProtocols=[name.encode("ascii") for name in alpn] or None,
        # A server's session tickets: see `rpcfw.transport.network.tls_sessions`. They are encrypted
        # with keys of this context, and hold the client's certificate.
        enableSessionTickets=True,
        acceptableCiphers=ssl.AcceptableCiphers.fromOpenSSLCipherString(TLS12_CIPHERS),
        **shown,
    )
    try:
        made: Context = asked.getContext()
    except Error as error:
        # Each version has rules of its own, as for the size of a key.
        file = "" if identity is None else f" the certificate in {identity.file}"
        raise SetupError(
            f"TLS: OpenSSL refuses{file}: {handshake_error(Failure(error))}"
        ) from error
    if alpn:
        made.set_alpn_select_callback(_Agree(alpn))
    return made


class _Agree:
    """
    OpenSSL's callback for a server: picks what the client offers and we like best.

    Twisted's own answers with an empty name where there is none, for which OpenSSL sends the
    alert "internal error". "no_application_protocol" is due (RFC 7301, section 3.2).
    """

    def __init__(self, alpn: Sequence[str]) -> None:
        self._alpn = [name.encode("ascii") for name in alpn]

    def __call__(self, connection: object, offered: list[bytes]) -> bytes:
        for name in self._alpn:
            if name in offered:
                return name
        from OpenSSL.SSL import Error

        ours = ", ".join(name.decode() for name in self._alpn)
        # What it raises is the alert, and the reason that `handshake_error` tells.
        raise Error([("", "", f"the client offers none of {ours} by ALPN")])
