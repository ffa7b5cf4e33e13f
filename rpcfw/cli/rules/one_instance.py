"""
Changing the rule of one instance, in the document of its service.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TextIO

from rpcfw.app.rules.documents import INSTANCES
from rpcfw.app.rules.edited_instances import InstanceChange, edited, instances_of
from rpcfw.app.rules.known_service import why_unknown
from rpcfw.cli.codes import FINE
from rpcfw.cli.ls import first_list
from rpcfw.cli.rules.change import put_document, remove_document, report
from rpcfw.cli.rules.session import (
    Session,
    add_change_arguments,
    add_session_arguments,
    in_session,
)
from rpcfw.cluster.instance_rules import InstanceRule, shared_names
from rpcfw.errors import RegistryError
from rpcfw.kernel.nearest import suggestion

__all__ = [
    "EPILOG",
    "add_arguments",
    "add_edit_arguments",
    "add_instance_arguments",
    "change_instance",
]

EPILOG = """\
ID is the id of an instance, as rpcfw ls --json shows it, or its address, as rpcfw ls shows
it. An id ends with its process; a rule for an address holds after a restart, too. Or ID is
what several instances have in common: version=2.0, zone=north, group=blue or tag.NAME=VALUE.
"""


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


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what a command takes that changes an instance and needs no more.
    """
    add_instance_arguments(parser)
    add_edit_arguments(parser)


def change_instance(
    arguments: Namespace,
    environ: Mapping[str, str],
    out: TextIO,
    change: InstanceChange,
    *,
    all_names: bool = False,
    then: Callable[[Session, set[str]], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """
    Change the rule of an instance and return the exit code.

    Args:
        all_names: there may be rules for both the id and the address; change both.
        then: called with the names of the instance when the rule is stored.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """

    async def command(session: Session) -> int:
        names = await store(session)
        if then is not None and not arguments.dry_run:
            await then(session, names)
        return FINE

    async def store(session: Session) -> set[str]:
        found = await session.within(session.rules.read(session.scope))
        version, rules = instances_of(found)
        names = await _names(session, arguments, rules)
        new = edited(found, arguments.id, change, names if all_names else ())
        if new.same and not arguments.dry_run:
            report(f"instances of {session.scope}: nothing to change", version, arguments, out)
        elif not new.text and version:
            await remove_document(session, INSTANCES, version, arguments, out)
        else:
            await put_document(session, INSTANCES, new.text, version, arguments, out)
        return {arguments.id, *names}

    return in_session(arguments, environ, command)


async def _names(
    session: Session, arguments: Namespace, rules: Mapping[str, InstanceRule]
) -> set[str]:
    """
    Return the id and the address of the instance that is meant; or what several have in common.

    Raises:
        RegistryError: neither the registry nor a rule has it.
    """
    registry = session.application.registry
    if registry is None:
        return {arguments.id}
    instances = await session.within(first_list(registry, arguments.service))
    common = {name for one in instances for name in shared_names(one)}
    if arguments.id in common:
        return {arguments.id}
    pairs = [{one.id, str(one.address)} for one in instances]
    found = set[str]().union(*(pair for pair in pairs if arguments.id in pair))
    if not found and arguments.id not in rules:
        if not instances and (unknown := await _why_unknown(session)):
            raise RegistryError(unknown)
        known = common.union(*pairs, rules)
        raise RegistryError(
            f"{arguments.service} has no instance {arguments.id!r}; "
            f"{suggestion(arguments.id, known)}"
        )
    return found


def _why_unknown(session: Session) -> Coroutine[Any, Any, str]:
    return why_unknown(session.application, session.scope, session.timeout_s)
