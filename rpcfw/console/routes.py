"""
Routes: which page is at which path, for whom, and what a visit to it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rpcfw.console.access.roles import Role
from rpcfw.console.access.sessions import Session
from rpcfw.console.http.messages import Response, WebRequest

if TYPE_CHECKING:
    from rpcfw.console.console import Console

__all__ = ["Changed", "Rejected", "Route", "Visit"]


@frozen(eq=False)
class Visit:
    """
    One request of a user who may make it.
    """

    console: Console
    request: WebRequest
    session: Session

    def asked(self, name: str, default: str = "") -> str:
        """
        Return a field of the form, or else of the query.
        """
        request = self.request
        return request.form.get(name, request.query.get(name, default)).strip()

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """
        Return a page made from a template.
        """
        shown = {
            "user": self.session.user,
            "role": self.session.role,
            "can_change": self.session.role >= Role.OPERATOR,
            "is_admin": self.session.role >= Role.ADMIN,
            "csrf": self.session.csrf,
            "by_password": self.console.identities.by_password,
            "path": self.request.path,
            "trouble": self.console.fleet.trouble,
            **values,
        }
        return Response(status, self.console.templates.render(template, shown))


@frozen(eq=False)
class Changed:
    """
    What came of a change, for the audit trail and for the browser.

    Args:
        what: was changed.
        response: what the browser gets.
    """

    what: str
    response: Response


class Rejected(Exception):
    """
    A change is not made because of what the form says.

    Args:
        what: was to be changed.
        reason: why it is not.
        response: the form again, with the reason.
        result: what came of it, in a word for the audit trail.
    """

    def __init__(self, what: str, reason: str, response: Response, result: str = "refused") -> None:
        super().__init__(reason)
        self.what = what
        self.response = response
        self.result = result


@frozen(eq=False)
class Route:
    """
    One page, or one change.

    Args:
        role: who may come here.
        change: what a form that is sent here does, in words; such a form has a reason, and is
            in the audit trail. Empty: nothing is changed.
    """

    method: str
    path: str
    serve: Callable[[Visit], Coroutine[Any, Any, Response | Changed]]
    role: Role = Role.VIEWER
    change: str = ""
