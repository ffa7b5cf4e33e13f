"""
Putting and removing documents, as several commands do.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TextIO

from rpcfw.app.application import Application
from rpcfw.app.rules.documents import KINDS, POLICIES, read_policies
from rpcfw.cli.codes import FINE
from rpcfw.cli.rules.known_service import why_unknown
from rpcfw.cli.rules.preview import preview, text_diff
from rpcfw.cli.rules.session import Session, as_json
from rpcfw.errors import RegistryError
from rpcfw.printable import printable
from rpcfw.values.rule import Document, Scope

__all__ = ["check_document", "find", "put_document", "remove_document", "report"]


async def find(session: Session, kind: str) -> Document | None:
    """
    Return a document as it is now.
    """
    found = await session.within(session.rules.read(session.scope))
    return found.documents.get(kind)


def check_document(application: Application, scope: Scope, kind: str, text: str, file: str) -> None:
    """
    See that a document is right for the configuration of this command.

    Raises:
        SettingsError: with every mistake, each with its line.
    """
    if kind == POLICIES:
        service = scope.name if scope.kind == "service" else ""
        application.policies.check(service, read_policies(text, file))
    else:
        KINDS[kind](text, file)


async def put_document(
    session: Session, kind: str, body: str, version: int | None, arguments: Namespace, out: TextIO
) -> int:
    """
    Store a document, or show what that would change.

    Args:
        version: that was read; None: what is there now.
    """
    now = await find(session, kind)
    if unknown := await why_unknown(session):
        sys.stderr.write(f"note: {printable(unknown)}\n")
    if version is None:
        version = 0 if now is None else now.version
    if arguments.dry_run:
        return await _show(session, kind, now, body, arguments, out)
    change = session.rules.put(session.scope, kind, body, version, session.author)
    stored = await session.within(change, changes=True)
    report(f"{kind} of {session.scope}: version {stored.version}", stored.version, arguments, out)
    return FINE


async def remove_document(
    session: Session, kind: str, version: int | None, arguments: Namespace, out: TextIO
) -> int:
    """
    Remove a document, or show what that would change.
    """
    now = await find(session, kind)
    if now is None:
        raise RegistryError(f"there are no {kind} of {session.scope}")
    if arguments.dry_run:
        return await _show(session, kind, now, "", arguments, out)
    read = now.version if version is None else version
    change = session.rules.remove(session.scope, kind, read, session.author)
    await session.within(change, changes=True)
    report(f"{kind} of {session.scope}: removed", 0, arguments, out)
    return FINE


async def _show(
    session: Session,
    kind: str,
    now: Document | None,
    body: str,
    arguments: Namespace,
    out: TextIO,
) -> int:
    before = "" if now is None else now.body
    names = f"version {now.version if now else 0}", "new"
    changed = text_diff(before, body, names) or "the text would not change\n"
    of_service = session.scope.kind == "service"
    shares = await preview(session, kind, body, arguments) if of_service else None
    if arguments.json:
        instances = [] if shares is None else shares.as_json()
        out.write(as_json({"diff": changed, "instances": instances}))
    else:
        out.write(changed if shares is None else f"{changed}\n{shares.as_text()}")
    return FINE


def report(line: str, version: int, arguments: Namespace, out: TextIO) -> None:
    """
    Say what was done.
    """
    out.write(as_json({"version": version}) if arguments.json else f"{line}\n")
