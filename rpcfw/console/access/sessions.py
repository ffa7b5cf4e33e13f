"""
Sessions: who has logged in, in memory. A restart ends all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from attrs import define, field

from rpcfw.console.access.roles import Role
from rpcfw.console.access.tokens import new_token
from rpcfw.console.access.users import User

__all__ = ["Session", "Sessions"]

#: Over it, the session that was used longest ago ends.
_MAX_SESSIONS = 10_000
#: Of one user. One who logs in again and again ends only sessions of his own.
_MAX_OF_USER = 20


@define(eq=False)
class Session:
    """
    One user at one browser.

    Args:
        key: by which it is found; not the token in the cookie, which nobody but the browser has.
        csrf: token that each form has to send.
        began_at: monotonic time.
        used_at: the same, of the last request that a person made.
        hash: of the password that the user had as the session began.
        on_end: called once when it ends.
    """

    key: bytes
    user: str
    role: Role
    csrf: str
    began_at: float
    used_at: float
    hash: str = ""
    on_end: list[Callable[[], None]] = field(factory=list)

    def has_csrf(self, token: str) -> bool:
        """
        Tell whether a form was made for this session, in the same time for each token.
        """
        return compare_digest(self.csrf.encode(), token.encode())


class Sessions:
    """
    All sessions.

    Args:
        timeout_s: after which a user has to log in again.
        idle_timeout_s: the same, since the last request.
        seconds: monotonic time.
        account: returns a user as the file has it now; None: the user has no access any longer.
    """

    def __init__(
        self,
        timeout_s: float,
        idle_timeout_s: float,
        seconds: Callable[[], float],
        account: Callable[[str], User | None],
    ) -> None:
        self._timeout_s = timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._seconds = seconds
        self._account = account
        #: The one that was used longest ago first.
        self._sessions: dict[bytes, Session] = {}

    def begin(self, user: User) -> tuple[str, Session]:
        """
        Begin a session, and return the token for its cookie.
        """
        self.expire()
        own = [each for each in self._sessions.values() if each.user == user.name]
        if len(own) >= _MAX_OF_USER:
            self.end(own[0])
        elif len(self._sessions) >= _MAX_SESSIONS:
            self.end(next(iter(self._sessions.values())))
        token, now = new_token(), self._seconds()
        session = Session(_key(token), user.name, user.role, new_token(), now, now, user.hash)
        self._sessions[session.key] = session
        return token, session

    def find(self, token: str, *, by_person: bool = True) -> Session | None:
        """
        Return the session of a cookie, if it has not ended, with the role that its user has now.

        Args:
            by_person: a person asks, and not a script of a page that nobody may look at.
        """
        session = self._sessions.get(_key(token))
        if session is None:
            return None
        if self._is_over(session):
            self.end(session)
            return None
        if by_person:
            session.used_at = self._seconds()
            self._sessions[session.key] = self._sessions.pop(session.key)
        return session

    def end(self, session: Session) -> None:
        """
        End a session.
        """
        if self._sessions.pop(session.key, None) is not None:
            # A call may take others off the list, as the end of one of several streams does.
            calls = tuple(session.on_end)
            session.on_end.clear()
            for call in calls:
                call()

    def expire(self) -> None:
        """
        End the sessions whose time is over, and those of users who have no access any longer.
        """
        for session in tuple(self._sessions.values()):
            if self._is_over(session):
                self.end(session)

    def _is_over(self, session: Session) -> bool:
        account = self._account(session.user)
        # A new password is often there because somebody else knew the old one.
        if account is None or account.hash != session.hash:
            return True
        session.role = account.role
        now = self._seconds()
        return (
            now - session.began_at >= self._timeout_s
            or now - session.used_at >= self._idle_timeout_s
        )


def _key(token: str) -> bytes:
    """
    Return the hash of a token: a look-up by it takes a time that says nothing of the token.
    """
    return sha256(token.encode()).digest()
