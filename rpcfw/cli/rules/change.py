"""
Putting and removing documents, as several commands do.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TextIO

import attrs

from rpcfw.app.rules.asked_calls import asked_method
from rpcfw.app.rules.known_service import why_unknown
from rpcfw.app.rules.preview import Preview, PreviewedInstance, preview
from rpcfw.app.rules.text_diff import text_diff
from rpcfw.cli.codes import FINE
from rpcfw.cli.rules.asked_calls import given_call
from rpcfw.cli.rules.session import Session, as_json
from rpcfw.cli.table import table
from rpcfw.errors import RegistryError
from rpcfw.printable import printable
from rpcfw.values.rule import Document

__all__ = ["find", "preview_as_text", "put_document", "remove_document", "report"]


async def find(session: Session, kind: str) -> Document | None:
    """
    Return a document as it is now.
    """
    found = await session.within(session.rules.read(session.scope))
    return found.documents.get(kind)


async def put_document(
    session: Session, kind: str, body: str, version: int | None, arguments: Namespace, out: TextIO
) -> int:
    """
    Store a document, or show what that would change.

    Args:
        version: that was read; None: what is there now.
    """
    now = await find(session, kind)
    limit_s = session.timeout_s
    if unknown := await why_unknown(session.application, session.scope, limit_s):
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
    shares = await _preview(session, kind, body, arguments)
    if arguments.json:
        instances = [] if shares is None else list(map(_as_json, shares.instances))
        out.write(as_json({"diff": changed, "instances": instances}))
    else:
        out.write(changed if shares is None else f"{changed}\n{preview_as_text(shares)}")
    return FINE


async def _preview(session: Session, kind: str, body: str, arguments: Namespace) -> Preview | None:
    """
    Return what would change; None for rules of an application, which has no instances to show.
    """
    scope = session.scope
    if scope.kind != "service":
        return None
    method = asked_method(scope.name, arguments.method or "")
    given = given_call(arguments)
    return await preview(session.application, kind, body, method, given, session.timeout_s)


def _as_json(one: PreviewedInstance) -> dict[str, str]:
    return attrs.asdict(one)


def preview_as_text(shares: Preview) -> str:
    """
    Return a table of the instances that differ.
    """
    if shares.note:
        return f"{shares.note}\n"
    titles = ("INSTANCE", "VERSION", "WEIGHT", "SHARE", "NEW WEIGHT", "NEW SHARE")
    return table(titles, [attrs.astuple(one) for one in shares.changing])


def report(line: str, version: int, arguments: Namespace, out: TextIO) -> None:
    """
    Say what was done.
    """
    out.write(as_json({"version": version}) if arguments.json else f"{line}\n")
