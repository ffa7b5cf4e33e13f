"""
The options of a registry server: ``[node]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from rpcfw.spi.access.followed_rules import read_access_file
from rpcfw.spi.access.rules import read_access_rules
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.spi.runtime.followed_file import file_problem
from rpcfw.values.units import Bytes, PerSecond, Seconds

__all__ = ["ACCESS_FIELDS", "NodeOptions"]

#: What conditions of the access rules can be on.
ACCESS_FIELDS = ("action", "application", "host", "identity", "service")


#: Part of a subject on a bus, where . * and > mean something.
_GROUP = re.compile("[A-Za-z0-9_-]{1,64}")

_LIMITS = (
    "max_services",
    "max_instances",
    "max_total_bytes",
    "max_watches",
    "max_streams",
    "max_rule_scopes",
    "max_rule_bytes",
    "max_client_services",
    "max_client_instances",
    "max_client_bytes",
    "max_client_watches",
    "max_client_streams",
    "max_audit_lines",
)


@options
class NodeOptions:
    """
    Settings of a registry server.
    """

    min_lease: Seconds = option(
        "1s", "shortest lease; a provider that asks for less gets this", was="shortest_lease"
    )
    max_lease: Seconds = option(
        "60s", "longest lease; a provider that asks for more gets this", was="longest_lease"
    )
    min_update_interval: Seconds = option(
        "10ms", "changes within this time reach a watcher as one update", was="gather"
    )
    max_services: int = option(
        "5000",
        "maximum number of services, also of those that had instances before",
        was="services",
    )
    max_instances: int = option(
        "100000", "maximum number of instances of all services", was="instances"
    )
    max_total_bytes: Bytes = option("256MiB", "maximum size of all records", was="total_size")
    max_watches: int = option(
        "400000",
        "maximum number of watches of all consumers, each of one service, or of the rules of one",
        was="max_watchers",
    )
    max_streams: int = option(
        "10000", "maximum number of consumers that watch, each with one stream"
    )

    rules_folder: Path | None = option(
        "", "folder that keeps the rules over a restart; empty: a restart loses them"
    )
    max_rule_scopes: int = option(
        "5000", "maximum number of services and applications that have rules"
    )
    max_rule_bytes: Bytes = option("128MiB", "maximum size of all rules with their history")

    group: str = option("default", "servers with the same [bus] and group have the same instances")
    digest_interval: Seconds = option(
        "5s", "of a server with a [bus]: time between two comparisons with the others"
    )
    lost_after: Seconds = option(
        "3m", "what a server kept is removed by the others when it was silent for this time"
    )
    snapshot: Path | None = option(
        "", "of a server with a [bus]: file with a copy of all instances, for a quick start"
    )

    access: str = option(
        "", "who may do what, one a line: allow CONDITIONS, or deny CONDITIONS; empty: all"
    )
    access_file: Path | None = option("", "file with more such lines; read again when it changes")
    access_default: Literal["deny", "allow"] = option(
        "deny", "what none of these lines is about, if there are any"
    )
    max_client_services: int = option(
        "1000", "maximum number of services of one client: one identity, else one address"
    )
    max_client_instances: int = option("20000", "the same as max_instances, for one client")
    max_client_bytes: Bytes = option("64MiB", "the same as max_total_bytes, for one client")
    max_client_watches: int = option("40000", "the same as max_watches, for one client")
    max_client_streams: int = option("1000", "the same as max_streams, for one client")
    max_client_changes: PerSecond = option(
        "1000/s", "instances and rules that one client may put, on average of a minute"
    )
    audit_file: Path | None = option(
        "", "file with a line of JSON for each change and refusal; empty: none is written"
    )
    max_audit_lines: int = option(
        "1000",
        "maximum number of lines in a second, counted separately for refusals; the next line says "
        "how many were left out",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find limits that would allow nothing, and rules that cannot be read. Reads the file.
        """
        yield from below_minimum(self, dict.fromkeys(_LIMITS, 1))
        if not 0 < self.min_lease <= self.max_lease:
            yield "min_lease", "must be more than 0 and at most max_lease"
        if not _GROUP.fullmatch(self.group):
            yield "group", f"expected letters, digits, - and _, at most 64; not {self.group!r}"
        if not 0.1 <= self.digest_interval <= self.lost_after / 3:
            yield "digest_interval", "must be at least 100ms, and at most a third of lost_after"
        if self.max_client_changes <= 0:
            yield "max_client_changes", "must be more than 0"
        for name in ("audit_file", "snapshot"):
            file = getattr(self, name)
            if file is not None and not file.parent.is_dir():
                yield name, f"there is no folder {file.parent}"
        yield from self._access_problems()

    def _access_problems(self) -> Iterator[tuple[str, str]]:
        try:
            rules = read_access_rules(self.access, ACCESS_FIELDS)
        except ValueError as error:
            yield "access", str(error)
            return
        problem = self.access_file and file_problem(
            self.access_file, partial(read_access_file, fields=ACCESS_FIELDS)
        )
        if problem:
            yield "access_file", problem
        closed = self.access_default == "deny" and rules and self.access_file is None
        if closed and not any(rule.allows for rule in rules):
            yield "access_default", "no line allows anything, and deny refuses the rest: allow it"
