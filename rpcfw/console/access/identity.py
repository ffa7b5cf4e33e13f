"""
Who sends a request: the user of a session, or the one whom a trusted proxy names.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.console.access.accounts import Accounts
from rpcfw.console.access.sessions import Session, Sessions
from rpcfw.console.access.users import User, check_user_name
from rpcfw.console.http.messages import WebRequest
from rpcfw.console.options import ConsoleOptions
from rpcfw.values.peer_host import ip_of

__all__ = ["Identified", "Identities"]

#: The header of the page's own script. What it asks for by itself keeps no session alive.
BY_SCRIPT = "x-console-update"
#: A stream of events cannot have that header, and a browser opens it again by itself. This is
#: what its header Accept always is (HTML standard, section 9.2.3).
_EVENTS = ["text/event-stream"]


@frozen
class Identified:
    """
    Who it is.

    Args:
        session: of this user; None: nobody is logged in.
        cookie: to be set, as a header; empty: the browser has it.
    """

    session: Session | None
    cookie: str = ""


class Identities:
    """
    Finds and begins sessions.
    """

    def __init__(self, options: ConsoleOptions, accounts: Accounts, sessions: Sessions) -> None:
        self._header = options.user_header.lower()
        self._proxies = frozenset(map(ip_of, options.trusted_proxies))
        self._accounts = accounts
        self._sessions = sessions
        self._secure = options.only_https
        # The prefix makes browsers refuse the cookie from any other host, and without HTTPS.
        self._cookie = "__Host-rpcfw-console" if self._secure else "rpcfw-console"

    @property
    def by_password(self) -> bool:
        """
        Whether users log in with a password.
        """
        return not self._header

    def of(self, request: WebRequest) -> Identified:
        """
        Return who sends a request.

        Raises:
            BadRequest: a proxy names several users.
        """
        by_script = BY_SCRIPT in request.headers or request.headers.get("accept") == _EVENTS
        session = self._sessions.find(
            request.cookies.get(self._cookie, ""), by_person=not by_script
        )
        if self.by_password:
            return Identified(session)
        named = self._named(request)
        if named is None:
            return Identified(None)
        if session is not None and session.user == named.name:
            return Identified(session)
        token, begun = self._sessions.begin(named)
        return Identified(begun, self._set_cookie(token))

    def begin(self, user: User) -> str:
        """
        Begin a session, and return the header that sets its cookie.
        """
        token, _ = self._sessions.begin(user)
        return self._set_cookie(token)

    def end(self, session: Session) -> str:
        """
        End a session, and return the header that removes its cookie.
        """
        self._sessions.end(session)
        return f"{self._set_cookie('')}; Max-Age=0"

    def _set_cookie(self, token: str) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def _named(self, request: WebRequest) -> User | None:
        """
        Return the user whom a proxy names. The header of anybody else is ignored.
        """
        ip = ip_of(request.peer)
        if ip is None or ip not in self._proxies:
            return None
        name = request.header(self._header)
        try:
            check_user_name(name)
        except ValueError:
            return None
        return self._accounts.find(name)
