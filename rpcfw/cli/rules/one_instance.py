"""
Changing the rule of one instance, in the document of its service.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import TextIO

from rpcfw.app.rules.documents import INSTANCES, read_instances
from rpcfw.cli.ls import first_list
from rpcfw.cli.rules.change import find, put_document, remove_document
from rpcfw.cli.rules.session import (
    Session,
    add_change_arguments,
    add_session_arguments,
    in_session,
)
from rpcfw.cli.running import changed
from rpcfw.cluster.instance_rules import InstanceRule
from rpcfw.errors import RegistryError
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.settings import options_of

__all__ = [
    "EPILOG",
    "add_edit_arguments",
    "add_instance_arguments",
    "change_instance",
    "with_enabled",
]

EPILOG = """\
ID is the id of an instance, as rpcfw ls --json shows it, or its address, as rpcfw ls shows
it. An id ends with its process; a rule for an address holds after a restart, too.
"""

_NO_RULE = options_of(InstanceRule)


def add_instance_arguments(parser: ArgumentParser) -> None:
    """
    Declare which instance is meant.
    """
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("id", metavar="ID", help="id or address of an instance")


def add_edit_arguments(parser: ArgumentParser) -> None:
    """
    Declare what such a command takes besides.
    """
    add_change_arguments(parser)
    add_session_arguments(parser)


def change_instance(
    arguments: Namespace,
    environ: Mapping[str, str],
    out: TextIO,
    change: Callable[[InstanceRule], InstanceRule],
) -> int:
    """
    Change the rule of an instance and return the exit code.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """

    async def command(session: Session) -> int:
        document = await find(session, INSTANCES)
        body = "" if document is None else document.body
        rules = read_instances(body, f"instances of {session.scope}")
        if arguments.id not in rules:
            await _check_known(session, arguments)
        rules[arguments.id] = change(rules.get(arguments.id, _NO_RULE))
        text = _text(rules)
        version = 0 if document is None else document.version
        if not text and document is not None:
            return await remove_document(session, INSTANCES, version, arguments, out)
        return await put_document(session, INSTANCES, text, version, arguments, out)

    return in_session(arguments, environ, command)


async def _check_known(session: Session, arguments: Namespace) -> None:
    """
    See that there is such an instance.
    """
    registry = session.application.registry
    if registry is None:
        return
    instances = await session.within(first_list(registry, arguments.service))
    known = {name for one in instances for name in (one.id, str(one.address))}
    if arguments.id not in known:
        raise RegistryError(
            f"{arguments.service} has no instance {arguments.id!r}; "
            f"{suggestion(arguments.id, known)}"
        )


def _text(rules: Mapping[str, InstanceRule]) -> str:
    """
    Return the document, without instances of which nothing is decided.
    """
    parts = []
    for id, rule in sorted(rules.items()):
        lines = [] if rule.weight is None else [f"weight = {rule.weight}"]
        lines += [] if rule.enabled else ["enabled = no"]
        if lines:
            parts.append("\n".join((f"[instance {id}]", *lines, "")))
    return "\n".join(parts)


def with_enabled(enabled: bool) -> Callable[[InstanceRule], InstanceRule]:
    """
    Return what enables or disables an instance.
    """
    return lambda rule: changed(rule, enabled=enabled)
