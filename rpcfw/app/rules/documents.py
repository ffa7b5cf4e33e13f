"""
The documents that this version knows, by their kind, and how each is read.

A document is INI text. It is read by the one who puts it and again by each process that
follows it, with the same errors: each names the line, and the nearest known name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rpcfw.cluster.instance_rules import InstanceRule, name_problem
from rpcfw.errors import SettingsError
from rpcfw.kernel.ini import MAX_MISTAKES, Layer, Section, SectionName, read_ini
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.settings import Sources
from rpcfw.spi.options import declared
from rpcfw.values.rule import MAX_DOCUMENT_BYTES

__all__ = ["INSTANCES", "KINDS", "POLICIES", "check_kind", "read_instances", "read_policies"]

POLICIES = "policies"
INSTANCES = "instances"

#: The sections of ``policies``. What the others hold cannot change while a process runs.
_PLAIN = ("app", "attempts", "balancer", "breaker", "client", "health", "retry")
_NAMED = ("collector", "filter", "limiter", "router")
_PER_METHOD = ("attempts", "balancer")

#: Options that name plugins, and the longest text of one.
_LISTS = frozenset({"plugin", "routers", "limiters", "insert", "remove", "collectors"})
_MAX_LIST_CHARS = 1000

#: Sections and options of ``policies`` together. They are checked in the reactor's thread.
_MAX_POLICY_OPTIONS = 500
#: Sections of methods among them: in rules of an application, each may be of another service.
_MAX_METHODS = 50


def read_policies(text: str, file: str) -> Layer:
    """
    Read a document of policies: sections as an INI file has them for one service.

    Args:
        file: what the document is called in errors.

    Raises:
        SettingsError: with every mistake that can be seen without a configuration.
    """
    layer = _layer(text, file)
    count = sum(1 + len(section.values) for section in layer.sections.values())
    if count > _MAX_POLICY_OPTIONS:
        raise SettingsError(
            f"{file}: has {count} sections and options; at most {_MAX_POLICY_OPTIONS} are read"
        )
    methods = sum("/" in name.qualifier for name in layer.sections)
    if methods > _MAX_METHODS:
        raise SettingsError(
            f"{file}: has {methods} sections of methods; at most {_MAX_METHODS} are read"
        )
    for name, section in layer.sections.items():
        problem = _section_problem(name)
        if problem:
            layer.blame(section.origin, problem)
        _check_lists(layer, name, section)
    _raise(layer)
    return layer


def read_instances(text: str, file: str) -> dict[str, InstanceRule]:
    """
    Read a document of instances: ``[instance ID]`` with a weight, or with ``enabled = no``.

    Raises:
        SettingsError: with every mistake.
    """
    layer = _layer(text, file)
    for name, section in layer.sections.items():
        if name.name == "instance" and not name.qualifier:
            layer.blame(section.origin, "[instance]: name one, as [instance 10.0.0.5:2200]")
        elif name.name != "instance":
            known = suggestion(name.name, ["instance"])
            layer.blame(section.origin, f"{name}: unknown section; {known}")
        elif problem := name_problem(name.qualifier, section.values):
            layer.blame(section.origin, f"{name}: {problem}")
        if len(layer.mistakes) == MAX_MISTAKES:
            break
    _raise(layer)
    _refuse_unknown_options(layer, file)
    sources = Sources([layer], file)
    rules = {
        id: sources.section("instance", InstanceRule, id) for id in sources.qualifiers("instance")
    }
    sources.finish()
    return rules


#: Reads a document of each kind, from its text and its name.
KINDS: Mapping[str, Callable[[str, str], Any]] = {
    INSTANCES: read_instances,
    POLICIES: read_policies,
}


def check_kind(kind: str) -> None:
    """
    See that a kind is known.

    Raises:
        SettingsError: it is not.
    """
    if kind not in KINDS:
        raise SettingsError(f"unknown kind of rule {kind!r}; {suggestion(kind, KINDS)}")


def _layer(text: str, file: str) -> Layer:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_DOCUMENT_BYTES:
        raise SettingsError(f"{file}: has {size} bytes; at most {MAX_DOCUMENT_BYTES} are read")
    return read_ini(text.encode("utf-8", "replace"), file)


def _section_problem(name: SectionName) -> str:
    """
    Return why a section is none of a document; empty if it is one.
    """
    plain = name.name in _PLAIN
    if not plain and name.name not in _NAMED:
        known = suggestion(name.name, (*_PLAIN, *(f"{each} NAME" for each in _NAMED)))
        return f"{name}: is no section that can change while a process runs; {known}"
    if not plain and not name.qualifier:
        return f"{name}: name a {name.name}, as [{name.name} NAME]"
    method = "/" in name.qualifier and name.name in _PER_METHOD
    if plain and name.qualifier and not method:
        return f"{name}: write [{name.name}]: a document is for its own service"
    return ""


def _check_lists(layer: Layer, name: SectionName, section: Section) -> None:
    """
    Note lists of plugins that are too long: each of their names is looked up.
    """
    for key in _LISTS.intersection(section.values):
        given = section.values[key]
        if len(given.text) > _MAX_LIST_CHARS:
            layer.blame(given.origin, f"{name} {key}: at most {_MAX_LIST_CHARS} characters")


def _refuse_unknown_options(layer: Layer, file: str) -> None:
    """
    Refuse more unknown options than anybody would mend one by one.
    """
    known = {each.name for each in declared(InstanceRule)}
    count = sum(len(section.values.keys() - known) for section in layer.sections.values())
    if count > MAX_MISTAKES:
        listed = ", ".join(sorted(known))
        raise SettingsError(f"{file}: has {count} unknown options; known: {listed}")


def _raise(layer: Layer) -> None:
    if layer.mistakes:
        ordered = sorted(layer.mistakes, key=lambda one: one.origin.order)
        raise SettingsError(*(f"{one.origin}: {one.reason}" for one in ordered))
