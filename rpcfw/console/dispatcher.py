"""
Answers requests: finds the route, sees who asks, and lets nothing through that is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from attrs import evolve
from twisted.logger import Logger

from rpcfw.admin.cross_site import is_own
from rpcfw.admin.host_header import HostNames
from rpcfw.admin.options import INDEX
from rpcfw.admin.request_counts import count_request
from rpcfw.console.audit import AuditEntry
from rpcfw.console.http.messages import BadRequest, Response, WebRequest, redirect
from rpcfw.console.login import LOGIN_PATH, Login
from rpcfw.console.routes import Changed, Rejected, Route, Visit
from rpcfw.errors import Overloaded, RPCFWError, SettingsError
from rpcfw.printable import printable
from rpcfw.spi.rules import RuleConflict
from rpcfw.spi.runtime.rate_limit import RateLimit
from rpcfw.spi.runtime.waiting import CANCELLED

if TYPE_CHECKING:
    from rpcfw.console.console import Console

__all__ = ["Dispatcher"]

_log = Logger()

#: A reason is one line for people.
_MAX_REASON_CHARS = 500
_MAX_FAILURES_A_MINUTE = 20
_WRONG_NAME = (
    "This server is not called {!r}. Its names are IP addresses, localhost, and those of "
    "[console] host_names."
)


class Dispatcher:
    """
    Answers requests.

    Args:
        files: what is served to everybody, by path.
    """

    def __init__(
        self, console: Console, routes: Iterable[Route], files: Mapping[str, Response]
    ) -> None:
        self._console = console
        self._routes = {(route.method, route.path): route for route in routes}
        self._paths = {path for _, path in self._routes}
        #: Of pages by their paths, as they are counted.
        self._names = {path: path[1:] or INDEX for path in (LOGIN_PATH, *self._paths)}
        self._names |= dict.fromkeys(files, "static")
        self._files = files
        self._host_names = HostNames(console.options.listen, console.options.host_names)
        self._login = Login(console)
        # Whoever has found a bug must not fill the log.
        self._logged = RateLimit(console.runtime.clock.seconds, burst=_MAX_FAILURES_A_MINUTE)
        self._requests = console.runtime.plugin_context.meter.counter(
            "rpcfw_console_requests_total",
            "requests of browsers to the console",
            "page",
            "method",
            "status",
        )

    async def answer(self, request: WebRequest) -> Response:
        """
        Return the response to a request, and count it. Nothing but a lost connection is raised.
        """
        response = await self._response_to(request)
        page = self._names.get(request.path, "")
        count_request(self._requests, page, request.method, response.status)
        return response

    async def _response_to(self, request: WebRequest) -> Response:
        try:
            return await self._answer(request)
        except CANCELLED:
            raise
        except BadRequest as error:
            return self._problem(400, "Bad request", str(error))
        except Exception as error:  # noqa: BLE001  # a bug: the browser is not to see it
            if self._logged.due("bug") is not None:
                _log.failure("a page failed by a bug: {path}", path=printable(request.path[:200]))
            return self._problem(500, "Internal error", f"see the log: {type(error).__name__}")

    async def _answer(self, request: WebRequest) -> Response:
        host = request.header("host")
        if not self._host_names.has(host):
            return self._problem(421, "Wrong name", _WRONG_NAME.format(host[:100]))
        method = "GET" if request.method == "HEAD" else request.method
        if method == "GET" and request.path in self._files:
            return self._files[request.path]
        if method == "POST" and not is_own(request.header):
            raise BadRequest("this form was sent by a page of another site")
        if request.path == LOGIN_PATH:
            return await self._login.serve(request, method)
        identified = self._console.identities.of(request)
        if identified.session is None:
            return self._without_session(request, method)
        visit = Visit(self._console, request, identified.session)
        response = await self._serve(visit, method)
        if identified.cookie:
            cookie = ("Set-Cookie", identified.cookie)
            response = evolve(response, headers=(*response.headers, cookie))
        return response

    def _without_session(self, request: WebRequest, method: str) -> Response:
        """
        Send a person to the login, and refuse everything else.
        """
        if not self._console.identities.by_password:
            return self._problem(403, "No access", "no trusted proxy has named a user with a role")
        if method != "GET" or request.headers.get("x-console-update"):
            return self._problem(401, "Logged out", "the session has ended: log in again")
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in request.query.items())
        back = quote(f"{request.path}?{query}" if query else request.path)
        return redirect(f"{LOGIN_PATH}?next={back}")

    async def _serve(self, visit: Visit, method: str) -> Response:
        path = visit.request.path
        route = self._routes.get((method, path))
        if route is None:
            status = 405 if path in self._paths else 404
            return self._shown(visit, status, "There is no such page.")
        if visit.session.role < route.role:
            if route.change:
                self._note(visit, route.change, f"refused: {visit.session.role} may not")
            reason = f"This takes the role {route.role}; yours is {visit.session.role}."
            return self._shown(visit, 403, reason)
        if method == "POST" and not visit.session.has_csrf(visit.request.form.get("csrf", "")):
            return self._shown(visit, 403, "This form is not from this session. Load it again.")
        if not route.change:
            return await self._page(visit, route)
        return await self._change(visit, route)

    async def _page(self, visit: Visit, route: Route) -> Response:
        try:
            found = await route.serve(visit)
        except RPCFWError as error:
            return self._shown(visit, _status_of(error), str(error))
        assert isinstance(found, Response)
        return found

    async def _change(self, visit: Visit, route: Route) -> Response:
        reason = visit.asked("reason")
        if not reason or len(reason) > _MAX_REASON_CHARS:
            text = f"Say why, in at most {_MAX_REASON_CHARS} characters: it is kept in the history."
            return self._shown(visit, 400, text)
        try:
            found = await route.serve(visit)
        except Rejected as error:
            self._note(visit, error.what, f"{error.result}: {error}")
            return error.response
        except RPCFWError as error:
            self._note(visit, route.change, f"failed: {error}")
            return self._shown(visit, _status_of(error), str(error))
        except CANCELLED:
            # The browser has gone. What was begun may have been done.
            self._note(visit, route.change, "unknown: the browser did not wait for the result")
            raise
        except Exception:
            # A bug, of any kind: `answer` reports it, and the audit trail has the change.
            self._note(visit, route.change, "unknown: the console has failed, see its log")
            raise
        assert isinstance(found, Changed)
        self._note(visit, found.what, "done")
        return found.response

    def _note(self, visit: Visit, what: str, result: str) -> None:
        session = visit.session
        address = self._console.client_addresses.of(visit.request)
        reason = visit.asked("reason")
        entry = AuditEntry("", session.user, str(session.role), address, what, reason, result)
        self._console.audit.write(entry)

    def _shown(self, visit: Visit, status: int, reason: str) -> Response:
        return visit.page("problem.html", status, title="That did not work", reason=reason)

    def _problem(self, status: int, title: str, reason: str) -> Response:
        values = {"title": title, "reason": reason, "user": ""}
        return Response(status, self._console.templates.render("problem_plain.html", values))


def _status_of(error: BaseException) -> int:
    if isinstance(error, SettingsError):
        return 400
    if isinstance(error, RuleConflict):
        return 409
    return 503 if isinstance(error, Overloaded) else 502
