"""
The login with a password, and its limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpcfw.console.access.attempts import LoginAttempts
from rpcfw.console.access.password_checks import PasswordChecks
from rpcfw.console.access.users import MAX_NAME_CHARS, MAX_PASSWORD_CHARS
from rpcfw.console.audit import AuditEntry
from rpcfw.console.http.messages import Response, WebRequest

if TYPE_CHECKING:
    from rpcfw.console.console import Console

__all__ = ["LOGIN_PATH", "Login"]

LOGIN_PATH = "/login"

#: Each takes about 64 MiB and a thread while it runs.
_MAX_RUNNING = 4


class Login:
    """
    The page ``/login``.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        context = console.runtime.plugin_context
        attempts = LoginAttempts(
            console.options.max_failed_logins, _MAX_RUNNING, context.clock.seconds
        )
        self._checks = PasswordChecks(console.users, attempts, context.threads)

    async def serve(self, request: WebRequest, method: str) -> Response:
        """
        Show the form, or take it.
        """
        if not self._console.identities.by_password:
            return self._form(request, 403, "Users are named by the proxy; there is no login here.")
        if method == "GET":
            return self._form(request, 200, "")
        if method != "POST":
            return self._form(request, 405, "")
        return await self._take(request)

    async def _take(self, request: WebRequest) -> Response:
        name, password = request.form.get("name", ""), request.form.get("password", "")
        # Names are remembered, so a long one would take memory.
        if not 0 < len(name) <= MAX_NAME_CHARS or len(password) > MAX_PASSWORD_CHARS:
            return self._form(request, 400, "Wrong name or password.")
        address = self._console.client_addresses.of(request)
        if self._checks.refused(name, address):
            return self._form(request, 429, "Too many attempts. Wait for a minute.")
        user = await self._checks.verified(name, password, address)
        if user is None:
            self._note(name, "", address, "refused: wrong name or password")
            return self._form(request, 401, "Wrong name or password.")
        self._note(name, str(user.role), address, "done")
        cookie = self._console.identities.begin(user)
        headers = (("Location", _back(request)), ("Set-Cookie", cookie))
        return Response(303, headers=headers)

    def _note(self, name: str, role: str, address: str, result: str) -> None:
        entry = AuditEntry("", name, role, address, "log in", "", result)
        self._console.audit.write(entry)

    def _form(self, request: WebRequest, status: int, problem: str) -> Response:
        values = {
            "title": "Log in",
            "user": "",
            "problem": problem,
            "name": request.form.get("name", ""),
            "next": _back(request),
            "by_password": self._console.identities.by_password,
        }
        return Response(status, self._console.templates.render("login.html", values))


def _back(request: WebRequest) -> str:
    """
    Return the page of ours to show after the login. Another site is none.
    """
    path = request.form.get("next", request.query.get("next", "/"))
    ours = path.startswith("/") and not path.startswith(("//", "/\\", LOGIN_PATH))
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if ours and plain else "/"
