"""
Rules: a document to read and edit, what it would change, its history, and the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from attrs import frozen

from rpcfw.app.rules.asked_calls import AskedCall
from rpcfw.app.rules.changing import change_in_words
from rpcfw.app.rules.documents import KINDS, POLICIES, check_kind
from rpcfw.app.rules.text_diff import text_diff
from rpcfw.app.tools.call_text import decoded
from rpcfw.console.access.roles import Role
from rpcfw.console.http.messages import Response, redirect
from rpcfw.console.routes import Changed, Rejected, Route, Visit
from rpcfw.console.templating import Whole
from rpcfw.errors import RegistryError, SettingsError
from rpcfw.spi.rules import RuleConflict
from rpcfw.values.rule import Author, RuleChange, Scope, application_scope, service_scope

__all__ = ["ROUTES", "author_of", "put", "scope_of", "tried"]

#: Changes that are shown, and characters of the difference that each made.
_MAX_CHANGES = 50
_MAX_DIFF_CHARS = 20_000
#: Of all texts that are compared for one page, and steps of that.
_MAX_COMPARED_CHARS = 1 << 20
_MAX_STEPS = 1_000_000


@frozen
class _Shown:
    """
    One change in the history.
    """

    change: RuleChange
    words: str
    diff: Whole


def scope_of(visit: Visit) -> Scope:
    """
    Return what rules are asked for; those of an application are for admins.

    Raises:
        SettingsError: no name is given.
    """
    name = visit.asked("name")
    if not name:
        raise SettingsError("name a service or an application")
    by_name = application_scope if visit.asked("scope") == "application" else service_scope
    return by_name(name)


def author_of(visit: Visit) -> Author:
    """
    Return who changes something, and why.
    """
    return Author(f"{visit.session.user}@console", visit.asked("reason"))


def _place(scope: Scope, kind: str) -> str:
    return f"/rule?{urlencode({'scope': scope.kind, 'name': scope.name, 'kind': kind})}"


def _history(changes: Sequence[RuleChange]) -> Iterator[_Shown]:
    """
    Yield changes with what differs, as far as that takes little time.
    """
    steps, left = _MAX_STEPS // max(1, len(changes)), _MAX_COMPARED_CHARS
    for one in changes:
        before, after = one.before or "", one.after or ""
        left -= len(before) + len(after)
        diff = _diff(before, after, one.version, steps) if left >= 0 else "not compared: too long"
        yield _Shown(one, change_in_words(one), Whole(diff))


def _diff(before: str, after: str, version: int, max_steps: int) -> str:
    names = f"before version {version}", f"version {version}"
    diff = text_diff(before, after, names, max_steps=max_steps, max_chars=_MAX_DIFF_CHARS)
    return diff[:_MAX_DIFF_CHARS]


async def _index(visit: Visit) -> Response:
    name = visit.asked("name")
    if name:
        return redirect(_place(scope_of(visit), visit.asked("kind", POLICIES)))
    return visit.page(
        "rules.html", title="Rules", kinds=list(KINDS), names=list(visit.console.fleet.names[:1000])
    )


async def _rule(visit: Visit) -> Response:
    kind = visit.asked("kind", POLICIES)
    check_kind(kind)
    return await _form(visit, scope_of(visit), kind)


async def _form(
    visit: Visit,
    scope: Scope,
    kind: str,
    text: str | None = None,
    status: int = 200,
    **more: Any,
) -> Response:
    """
    Return the page of a document, with what somebody has typed.
    """
    book = visit.console.rule_book
    now = (await book.read(scope)).documents.get(kind)
    changes = (await book.history(scope, kind))[:_MAX_CHANGES]
    values: dict[str, Any] = {"mistakes": [], "preview": None, "diff": "", "note": "", **more}
    body = now.body if now else ""
    return visit.page(
        "rule.html",
        status,
        title=f"{kind} of {scope}",
        scope=scope,
        kind=kind,
        kinds=list(KINDS),
        now=now,
        # What was read, so that somebody else's change is not overwritten unseen.
        version=visit.asked("version") if text is not None else (now.version if now else 0),
        text=Whole(body if text is None else text),
        method=visit.asked("method"),
        request=visit.asked("request"),
        may_edit=visit.session.role >= _role_for(scope),
        history=list(_history(changes)),
        **values,
    )


def _role_for(scope: Scope) -> Role:
    return Role.ADMIN if scope.kind == "application" else Role.OPERATOR


def _typed(visit: Visit) -> str:
    """
    Return the text of the form, with the ends of lines that files have.
    """
    return visit.request.form.get("text", "").replace("\r\n", "\n")


def _version(visit: Visit) -> int:
    text = visit.asked("version", "0")
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise SettingsError("this form has no version: load it again")
    return int(text)


async def _try(visit: Visit) -> Response:
    return await tried(visit, scope_of(visit), visit.asked("kind"), _typed(visit))


async def tried(visit: Visit, scope: Scope, kind: str, text: str) -> Response:
    """
    Check a text, and show what it would change.
    """
    check_kind(kind)
    mistakes = visit.console.rule_book.check(scope, kind, text)
    if mistakes:
        return await _form(visit, scope, kind, text, 422, mistakes=mistakes)
    now = (await visit.console.rule_book.read(scope)).documents.get(kind)
    names = "stored", "new"
    diff = text_diff(now.body if now else "", text, names, max_chars=_MAX_DIFF_CHARS)
    shown = Whole(diff[:_MAX_DIFF_CHARS] or "The text would not change.")
    if scope.kind == "application":
        note = "The rules of an application are for all its calls: there are no shares to show."
        return await _form(visit, scope, kind, text, diff=shown, note=note)
    asked = visit.asked("request")
    given = AskedCall(1.0, decoded(asked.encode(), "the request")) if asked else None
    method = visit.asked("method")
    found = await visit.console.trials.preview(scope.name, kind, text, method, given)
    return await _form(visit, scope, kind, text, diff=shown, preview=found)


async def _put(visit: Visit) -> Changed:
    return await put(visit, scope_of(visit), visit.asked("kind"), _typed(visit))


async def put(visit: Visit, scope: Scope, kind: str, text: str) -> Changed:
    """
    Check a text and store it.

    Raises:
        Rejected: it has mistakes, or somebody has changed the document meanwhile.
    """
    check_kind(kind)
    what = f"{kind} of {scope}"
    await _check_role(visit, scope, what)
    mistakes = visit.console.rule_book.check(scope, kind, text)
    if mistakes:
        response = await _form(visit, scope, kind, text, 422, mistakes=mistakes)
        raise Rejected(what, "; ".join(mistakes[:3]), response)
    return await _stored(visit, scope, kind, text, _version(visit))


async def _roll_back(visit: Visit) -> Changed:
    """
    Store the text that a document had after a change, or before it.
    """
    scope, kind = scope_of(visit), visit.asked("kind")
    check_kind(kind)
    await _check_role(visit, scope, f"{kind} of {scope}")
    changes = await visit.console.rule_book.history(scope, kind)
    to = visit.asked("to")
    wanted = next((one for one in changes if str(one.version) == to), None)
    if wanted is None:
        raise SettingsError(f"the history of {kind} of {scope} has no version {to} any longer")
    text = wanted.after or ""
    mistakes = visit.console.rule_book.check(scope, kind, text)
    if mistakes:
        response = await _form(visit, scope, kind, text, 422, mistakes=mistakes)
        raise Rejected(f"{kind} of {scope}", "; ".join(mistakes[:3]), response)
    done = await _stored(visit, scope, kind, text, _version(visit))
    return Changed(f"{done.what}, as version {to}", done.response)


async def _check_role(visit: Visit, scope: Scope, what: str) -> None:
    role = _role_for(scope)
    if visit.session.role < role:
        reason = f"The rules of applications take the role {role}."
        response = visit.page("problem.html", 403, title="That did not work", reason=reason)
        raise Rejected(what, f"{visit.session.role} may not", response)


async def _stored(visit: Visit, scope: Scope, kind: str, text: str, version: int) -> Changed:
    try:
        done = await visit.console.rule_book.put(scope, kind, text, version, author_of(visit))
    except RegistryError as error:
        # But for a conflict, nobody may know whether it was stored: so it was not refused.
        conflict = isinstance(error, RuleConflict)
        response = await _form(
            visit, scope, kind, text, 409 if conflict else 502, mistakes=[str(error)]
        )
        result = "refused" if conflict else "failed"
        raise Rejected(f"{kind} of {scope}", str(error), response, result) from error
    visit.console.events.changed()
    return Changed(done, redirect(_place(scope, kind)))


ROUTES = (
    Route("GET", "/rules", _index),
    Route("GET", "/rule", _rule),
    Route("POST", "/rule/try", _try, Role.OPERATOR),
    Route("POST", "/rule/put", _put, Role.OPERATOR, "change rules"),
    Route("POST", "/rule/roll-back", _roll_back, Role.OPERATOR, "roll back rules"),
)
