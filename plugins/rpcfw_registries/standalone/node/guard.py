"""
Who may do what at a registry server, who holds what is announced, and the trail of changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import PermissionDenied
from rpcfw.spi.access.audit_trail import AuditTrail
from rpcfw.spi.access.followed_rules import FollowedRules
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance
from rpcfw.values.rule import Scope
from rpcfw_registries.standalone.messages import Key
from rpcfw_registries.standalone.node.caller import Caller
from rpcfw_registries.standalone.node.clients import ClientLimits, Clients
from rpcfw_registries.standalone.node.options import ACCESS_FIELDS, NodeOptions

__all__ = ["Action", "Guard"]


class Action(Enum):
    """
    What rules tell apart.
    """

    #: Announce, renew and withdraw instances of a service.
    ANNOUNCE = "announce"
    #: See instances of a service, and the rules of a service or an application.
    WATCH = "watch"
    #: Put rules of a service or an application.
    CHANGE_RULES = "change_rules"
    #: Compare copies, as the servers of one group do.
    JOIN = "join"

    def __str__(self) -> str:
        return "change the rules of" if self is Action.CHANGE_RULES else self.value


class Guard:
    """
    The guard of one registry server.
    """

    log = Logger()

    def __init__(self, options: NodeOptions, plugin_context: PluginContext) -> None:
        limits = ClientLimits(
            options.max_client_services,
            options.max_client_instances,
            options.max_client_bytes,
            options.max_client_watches,
            options.max_client_streams,
            options.max_client_changes,
        )
        seconds = plugin_context.clock.seconds
        self.clients = Clients(limits, seconds)
        self._rules = FollowedRules(
            options.access,
            options.access_file,
            ACCESS_FIELDS,
            plugin_context,
            default_allows=options.access_default == "allow",
        )
        self._log = LimitedLog(self.log, seconds)
        self._trail = (
            AuditTrail(options.audit_file, options.max_audit_lines, plugin_context)
            if options.audit_file
            else None
        )
        self._refused = plugin_context.meter.counter(
            "rpcfw_registry_refused_total", "what the access rules did not allow"
        ).of()

    def open(self) -> None:
        """
        Read the rules and open the trail.

        Raises:
            SetupError: a file cannot be used.
        """
        self._rules.read()
        if self._trail is not None:
            self._trail.open()

    def close(self) -> None:
        """
        Close the trail.
        """
        if self._trail is not None:
            self._trail.close()

    def check(self, caller: Caller, action: Action, scope: Scope) -> None:
        """
        See that a caller may do something.

        Raises:
            PermissionDenied: it may not. The caller learns no more; the reason is logged.
        """
        reason = self.refusal(caller, action, scope)
        if not reason:
            return
        self._refused.value += 1
        self._log.warn_of(
            "refused",
            "{who} from {peer} may not {action} {scope}: {reason}",
            who=", ".join(caller.names) or "an anonymous caller",
            peer=caller.peer,
            action=str(action),
            scope=str(scope),
            reason=reason,
        )
        self.note(caller, action.value, {scope.kind: scope.name}, refused=reason)
        raise PermissionDenied(f"this caller may not {action} {scope}")

    def refusal(self, caller: Caller, action: Action, scope: Scope) -> str:
        """
        Return why a caller may not do something; empty if it may. Nothing is logged.
        """
        return self._rules.refusal(
            {
                "action": (action.value,),
                scope.kind: (scope.name,),
                "identity": caller.names,
                "host": (caller.host,),
            }
        )

    def holds_other(self, caller: Caller, key: Key) -> bool:
        """
        Tell whether somebody else holds an instance.
        """
        holder = self.clients.holder(key)
        return holder is not None and not caller.is_also(holder.key)

    def note_announced(self, caller: Caller, instance: Instance, refused: str = "") -> None:
        """
        Write that an instance was announced, or was not.
        """
        if self._trail is not None:
            facts = {"service": instance.service, "id": instance.id}
            facts["address"] = str(instance.address)
            self.note(caller, Action.ANNOUNCE.value, facts, refused)

    def note(
        self, caller: Caller | None, action: str, facts: Mapping[str, Any], refused: str = ""
    ) -> None:
        """
        Write a change, or what was refused, to the trail.

        Args:
            caller: who did it; None: nobody, the time of a lease was over.
        """
        if self._trail is None:
            return
        line: dict[str, Any] = {"action": action, **facts}
        if caller is not None:
            line |= {"identity": caller.names, "peer": caller.peer}
        if refused:
            line["refused"] = refused
        self._trail.write(line, refused=bool(refused))
