"""
``rpcfw rule``: the documents that change a fleet while it runs.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TextIO

import attrs

from rpcfw.app.application import Application
from rpcfw.app.rules.changing import change_in_words, check_document
from rpcfw.app.rules.documents import KINDS, check_kind
from rpcfw.app.rules.text_diff import text_diff
from rpcfw.cli.codes import FINE
from rpcfw.cli.rules.change import find, put_document, remove_document
from rpcfw.cli.rules.document_file import DocumentFile, described, read_document, with_heading
from rpcfw.cli.rules.session import (
    Session,
    add_change_arguments,
    add_session_arguments,
    as_json,
    in_session,
    scope_of,
)
from rpcfw.cli.table import table
from rpcfw.errors import RegistryError, SettingsError
from rpcfw.printable import printable_lines
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, as_coroutine
from rpcfw.values.rule import Document, RuleChange, RuleSet, day_and_time

__all__ = ["add_arguments", "run"]

EPILOG = """\
  rpcfw rule get policies demo.Shop -c consumer.ini > shop.ini
  rpcfw rule put policies demo.Shop shop.ini -c consumer.ini --reason "slow disks"
  rpcfw rule history policies demo.Shop -c consumer.ini

Kinds: policies (sections of an INI file, as [retry] or [router NAME]) and instances
([instance ID] with weight or enabled). With --application, SERVICE is the name of an
application. FILE - is standard input. The configuration should be that of a process which the
rules are for: they are checked against it.
"""

#: Each action, and what it does.
_ACTIONS = {
    "get": "print a document, with its version in the first line",
    "put": "store a document, if nobody has changed it since it was read",
    "rm": "remove a document",
    "history": "list the last changes",
    "diff": "compare with a file; without one, show what the last change did",
    "watch": "print each change as it comes, until a signal",
}
_CHANGES = ("put", "rm")


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes: an action, as ``arguments.action``.
    """
    actions = parser.add_subparsers(dest="action", required=True, metavar="|".join(_ACTIONS))
    for name, meaning in _ACTIONS.items():
        action = actions.add_parser(name, help=meaning)
        action.add_argument("kind", metavar="KIND", help=f"one of {', '.join(KINDS)}")
        action.add_argument("service", metavar="SERVICE")
        if name in ("put", "diff"):
            action.add_argument("file", metavar="FILE", nargs=None if name == "put" else "?")
        action.add_argument(
            "--application", action="store_true", help="SERVICE is the name of an application"
        )
        if name in _CHANGES:
            action.add_argument(
                "--version",
                metavar="NUMBER",
                type=int,
                help="version that was read; by default what FILE says, else what is there",
            )
            add_change_arguments(action)
        add_session_arguments(action)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Do what is asked and return the exit code.

    Raises:
        SetupError: an argument, the document or the configuration is wrong.
    """
    check_kind(arguments.kind)
    act, file = _ACTS[arguments.action], getattr(arguments, "file", None)
    document = None if file is None else read_document(file)
    if document is not None and not document.is_of(scope_of(arguments), arguments.kind):
        raise SettingsError(
            f"{file}:1: is another document: {document.heading}; remove this line to use its text"
        )

    def check(application: Application) -> None:
        if document is not None and arguments.action == "put":
            scope = scope_of(arguments)
            check_document(application, scope, arguments.kind, document.whole, str(file))

    async def command(session: Session) -> int:
        return await act(session, arguments, document, out)

    return in_session(arguments, environ, command, check)


async def _get(session: Session, arguments: Namespace, _: DocumentFile | None, out: TextIO) -> int:
    document = await _existing(session, arguments)
    if arguments.json:
        out.write(as_json({"scope": str(session.scope), **attrs.asdict(document)}))
    else:
        out.write(printable_lines(with_heading(session.scope, document)))
    return FINE


async def _put(
    session: Session, arguments: Namespace, file: DocumentFile | None, out: TextIO
) -> int:
    assert file is not None
    version = file.version if arguments.version is None else arguments.version
    return await put_document(session, arguments.kind, file.body, version, arguments, out)


async def _rm(session: Session, arguments: Namespace, _: DocumentFile | None, out: TextIO) -> int:
    return await remove_document(session, arguments.kind, arguments.version, arguments, out)


async def _history(
    session: Session, arguments: Namespace, _: DocumentFile | None, out: TextIO
) -> int:
    changes = await _changes(session, arguments)
    if arguments.json:
        out.write(as_json([attrs.asdict(one) for one in changes]))
        return FINE
    rows = [
        (str(one.version), day_and_time(one.at), one.who, change_in_words(one), one.reason)
        for one in changes
    ]
    titles = ("VERSION", "WHEN", "WHO", "WHAT", "REASON")
    out.write(table(titles, rows) if rows else "no changes\n")
    return FINE


async def _diff(
    session: Session, arguments: Namespace, file: DocumentFile | None, out: TextIO
) -> int:
    if file is not None:
        now = await find(session, arguments.kind)
        body = file.body
        version = f"version {now.version if now else 0}"
        changed = text_diff("" if now is None else now.body, body, (version, arguments.file))
    else:
        changes = await _changes(session, arguments)
        if not changes:
            raise RegistryError(f"{arguments.kind} of {session.scope} were never changed")
        last = changes[0]
        names = f"before version {last.version}", f"version {last.version}"
        changed = text_diff(last.before or "", last.after or "", names)
    out.write(as_json({"diff": changed}) if arguments.json else changed)
    return FINE


async def _watch(
    session: Session, arguments: Namespace, _: DocumentFile | None, out: TextIO
) -> int:
    last: list[Document | None] = []
    first: Waiter[None] = Waiter()
    never: Waiter[None] = Waiter()

    def listener(rules: RuleSet) -> None:
        document = rules.documents.get(arguments.kind)
        if last and last[0] == document:
            return
        last[:] = [document]
        if not first.called:
            first.callback(None)
        out.write(_event(session, arguments, document))
        out.flush()

    def refused(reason: str) -> None:
        waiter = never if first.called else first
        if not waiter.called:
            waiter.errback(RegistryError(f"the rules of {session.scope}: {reason}"))

    watch = session.rules.watch(session.scope, listener, refused)
    try:
        await session.within(as_coroutine(first))
        await never
    except CANCELLED:
        return FINE
    finally:
        watch.close()
    return FINE


def _event(session: Session, arguments: Namespace, document: Document | None) -> str:
    if arguments.json:
        return as_json(None if document is None else attrs.asdict(document))
    if document is None:
        return f"no {arguments.kind} of {session.scope}\n"
    return f"version {document.version} of {described(session.scope, document)}\n"


async def _existing(session: Session, arguments: Namespace) -> Document:
    document = await find(session, arguments.kind)
    if document is None:
        raise RegistryError(f"there are no {arguments.kind} of {session.scope}")
    return document


async def _changes(session: Session, arguments: Namespace) -> list[RuleChange]:
    changes = await session.within(session.rules.history(session.scope))
    return [one for one in changes if one.kind == arguments.kind]


_Act = Callable[[Session, Namespace, DocumentFile | None, TextIO], Coroutine[Any, Any, int]]
_ACTS: dict[str, _Act] = {
    "get": _get,
    "put": _put,
    "rm": _rm,
    "history": _history,
    "diff": _diff,
    "watch": _watch,
}
