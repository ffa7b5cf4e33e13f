"""
Taking a provider out of the registry by a rule, and seeing that it has gone or come back.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.cli.rules.session import Session
from rpcfw.cli.running import changed
from rpcfw.cluster.instance_rules import InstanceRule
from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.spi.runtime.waiting import Waiter, with_deadline
from rpcfw.values.instance import Snapshot

__all__ = ["until_listed", "with_offline"]

#: What to do if an instance is listed, or is not.
_WHY = {
    False: "it is still in the registry: does its provider follow rules ([rules] plugin)?",
    True: "it is not in the registry: does its provider run, and follow rules?",
}


def with_offline(offline: bool) -> Callable[[InstanceRule], InstanceRule]:
    """
    Return what takes an instance offline, or lets it come back.
    """
    return lambda rule: changed(rule, offline=offline)


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
        raise RegistryError(f"the rule is stored, but after {limit_s:g} s {_WHY[listed]}") from None
    finally:
        watch.close()
