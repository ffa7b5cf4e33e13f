"""
Taking a provider out of the registry by a rule, and seeing that it has gone or come back.
"""

from __future__ import annotations

from rpcfw.app.rules.documents import INSTANCES, read_instances
from rpcfw.cli.rules.change import find
from rpcfw.cli.rules.session import Session
from rpcfw.cluster.instance_rules import name_problem
from rpcfw.errors import DeadlineExceeded, RegistryError, SettingsError
from rpcfw.spi.runtime.waiting import Waiter, with_deadline
from rpcfw.values.instance import Snapshot

__all__ = ["check_one_instance", "until_listed"]

#: What to do if an instance is listed, or is not.
_WHY = {
    False: "the rule is stored, but after {limit_s:g} s it is still in the registry: does its "
    "provider follow rules ([rules] plugin)?",
    True: "no rule for {names} keeps it offline, but after {limit_s:g} s it is not in the "
    "registry: does its provider run, and follow rules?",
}


def check_one_instance(id: str) -> None:
    """
    Refuse what several instances have in common: each goes offline by a rule of its own.

    Raises:
        SettingsError: it is that.
    """
    if problem := name_problem(id, ("offline",)):
        raise SettingsError(f"ID {id!r}: {problem}")


async def until_listed(listed: bool, session: Session, names: set[str]) -> None:
    """
    Return once the registry lists an instance, or does not.

    Args:
        names: its id and its address.

    Raises:
        RegistryError: that has not happened within the time limit of the command.
    """
    registry = session.application.registry
    if registry is None:
        return
    done: Waiter[None] = Waiter()

    def listener(snapshot: Snapshot) -> None:
        found = any({one.id, str(one.address)} & names for one in snapshot.instances)
        if found is listed and not done.called:
            done.callback(None)

    async def seen() -> None:
        await done

    watch = registry.watch(session.scope.name, listener)
    timers, limit_s = session.application.runtime.timers, session.timeout_s
    try:
        await with_deadline(seen(), timers, timers.seconds() + limit_s)
    except DeadlineExceeded:
        why = _WHY[listed].format(limit_s=limit_s, names=" or ".join(sorted(names)))
        raise RegistryError(why + (await _offline(session) if listed else "")) from None
    finally:
        watch.close()


async def _offline(session: Session) -> str:
    """
    Return which names rules keep offline: one may be another name of the same instance.
    """
    document = await find(session, INSTANCES)
    rules = {} if document is None else read_instances(document.body, f"rules of {session.scope}")
    names = sorted(name for name, rule in rules.items() if rule.offline)
    return f" Rules keep offline: {', '.join(names)}" if names else ""
