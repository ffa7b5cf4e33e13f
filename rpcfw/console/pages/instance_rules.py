"""
What rules decide of instances: enabled or not, weight, in the registry or not.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from rpcfw.app.rules.edited_instances import (
    InstanceChange,
    edited,
    with_enabled,
    with_offline,
    with_weight,
)
from rpcfw.console.access.roles import Role
from rpcfw.console.http.messages import redirect
from rpcfw.console.pages.rules import author_of
from rpcfw.console.routes import Changed, Route, Visit
from rpcfw.errors import SettingsError
from rpcfw.values.instance import MAX_WEIGHT
from rpcfw.values.rule import service_scope

__all__ = ["ROUTES"]


def _weight(text: str) -> InstanceChange:
    if text in ("", "announced"):
        return with_weight(None)
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) > MAX_WEIGHT:
        raise SettingsError(f"expected a weight from 0 to {MAX_WEIGHT}; got {text[:20]!r}")
    return with_weight(int(text))


#: What a button does: the change, and whether rules for all names of the instance change.
_CHANGES: dict[str, tuple[Callable[[str], InstanceChange], bool]] = {
    "disable": (lambda _: with_enabled(False), False),
    "enable": (lambda _: with_enabled(True), True),
    "offline": (lambda _: with_offline(True), False),
    "online": (lambda _: with_offline(False), True),
    "weight": (_weight, False),
}


async def _change(visit: Visit) -> Changed:
    service, name, action = visit.asked("service"), visit.asked("id"), visit.asked("do")
    if not service or not name:
        raise SettingsError("name a service and an instance")
    if action not in _CHANGES:
        raise SettingsError(f"expected one of {', '.join(_CHANGES)}; got {action[:20]!r}")
    make, all_names = _CHANGES[action]
    change = make(visit.asked("weight"))
    scope, book = service_scope(service), visit.console.rule_book
    found = await book.read(scope)
    known = [one for one in visit.console.fleet.instances(service) if name in (one.id, _at(one))]
    others = {each for one in known for each in (one.id, str(one.address))} if all_names else ()
    done = await book.store(scope, edited(found, name, change, others), author_of(visit))
    visit.console.events.changed()
    weight = f" {visit.asked('weight') or 'announced'}" if action == "weight" else ""
    back = f"/service?{urlencode({'name': service})}"
    return Changed(f"{action} {name} of {service}{weight} ({done})", redirect(back))


def _at(one: object) -> str:
    return str(getattr(one, "address", ""))


ROUTES = (Route("POST", "/instance/change", _change, Role.OPERATOR, "change an instance"),)
