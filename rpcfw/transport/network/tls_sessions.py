"""
TLS sessions of a client: a further connection to the same server needs no whole handshake.

Theory of operation. A server sends a ticket after a handshake. A client that shows it in the next
one needs no certificate: who has the keys of the session is the server whose certificate was
checked when the session began (RFC 8446, section 2.2; RFC 5077 for TLS 1.2). So neither side
signs anything, which is most of the work of a handshake.

A session says what was true when it began. So it is used only with the OpenSSL context that it was
made with, which is another one when certificates or trusted authorities have changed; only for the
same server name, address and protocol; for `MAX_AGE_S` at most; and not after the server's
certificate has expired. Each is used for one connection, which brings the next: a session that a
server cannot use costs one attempt at most.
"""

from __future__ import annotations

from OpenSSL import SSL
from OpenSSL.crypto import X509

from rpcfw.spi.runtime.clock import Clock

__all__ = ["MAX_AGE_S", "ResumableConnection", "Sessions", "SessionsOfContext"]

#: Until then, a server may be called of which an authority in its chain has expired meanwhile.
MAX_AGE_S = 3600.0
#: Servers that sessions are kept of: those that were connected last.
_MAX_SESSIONS = 1000


class SessionsOfContext:
    """
    The sessions that began with one context, in one period.

    Args:
        context: they are valid with no other.
        began: when the period began.
    """

    __slots__ = ("_sessions", "began", "context")

    def __init__(self, context: SSL.Context, began: float) -> None:
        self.context = context
        self.began = began
        self._sessions: dict[tuple[str, ...], tuple[SSL.Session, X509]] = {}

    def take(self, target: tuple[str, ...]) -> SSL.Session | None:
        """
        Return the session for a connection to ``target``, and forget it.
        """
        session, certificate = self._sessions.pop(target, (None, None))
        # OpenSSL does not look at the dates again when it resumes a session.
        return None if certificate is None or certificate.has_expired() else session

    def keep(
        self, target: tuple[str, ...], session: SSL.Session | None, certificate: X509 | None
    ) -> None:
        """
        Keep a session for the next connection to ``target``.

        Args:
            certificate: the server's.
        """
        self._sessions.pop(target, None)
        if session is not None and certificate is not None:
            self._sessions[target] = session, certificate
        if len(self._sessions) > _MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]


class Sessions:
    """
    The sessions that a client has now.

    Args:
        clock: for their age.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now: SessionsOfContext | None = None

    def of(self, context: SSL.Context) -> SessionsOfContext:
        """
        Return the sessions of a context. All that began too long ago, or with another, are gone.

        What a connection brings later is kept where the connection has taken its own from. So a
        session is never older than the period in which it is used, however often it was renewed.
        """
        now, sessions = self._clock.seconds(), self._now
        if sessions is None or sessions.context is not context or now - sessions.began >= MAX_AGE_S:
            sessions = self._now = SessionsOfContext(context, now)
        return sessions


class ResumableConnection(SSL.Connection):
    """
    A client's connection that resumes a session if there is one, and keeps its own for the next.

    Args:
        sessions: where they are kept.
        target: what the session is for.
    """

    def __init__(self, sessions: SessionsOfContext, target: tuple[str, ...]) -> None:
        super().__init__(sessions.context, None)
        self._target = target
        self._sessions: SessionsOfContext | None = sessions
        session = sessions.take(target)
        if session is not None:
            self.set_session(session)

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        data: bytes = super().recv(bufsiz, flags)
        sessions = self._sessions
        if sessions is not None:
            # The server has sent its tickets before its first data (RFC 8446, section 4.6.1), and
            # it has accepted our certificate.
            self._sessions = None
            sessions.keep(self._target, self.get_session(), self.get_peer_certificate())
        return data
