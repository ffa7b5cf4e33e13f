"""
Names of Java as names of Python.

What comes out is always an identifier, no keyword, and hides nothing that the module uses.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from rpcfw.codegen.java.definition import JavaMethod
from rpcfw.codegen.names import snake_case
from rpcfw.spi.hooks import HOOKS

__all__ = ["USED", "attribute_names", "class_names", "is_plain", "method_names"]

#: What the text of a module uses. A class or an attribute of this name would hide it.
USED = frozenset(
    (
        *("Annotated", "Any", "BigInteger", "Byte", "Char", "Decimal", "Enum", "Float", "Instant"),
        *("Int", "Long", "Short", "Timestamp", "UUID", "Unimplemented", "annotations", "bool"),
        *("bytes", "dataclass", "date", "datetime", "dict", "float", "int", "java", "java_type"),
        *("list", "rpcfw", "set", "str", "time", "timedelta", "self", "cls"),
    )
)
#: Members of `rpcfw.Service`.
_SERVICE = frozenset(("service_name", *HOOKS))


def is_plain(name: str) -> bool:
    """
    Whether a name may stand in the text of Python as it is, and stays the same there.
    """
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        # Python compares identifiers after this (its reference, section 2.3).
        and unicodedata.normalize("NFKC", name) == name
    )


def class_names(classes: Iterable[str]) -> dict[str, str]:
    """
    Return a name for each Java class.

    The last part of its name, if no other class has that; else with the parts before it, as
    ``V2Order`` for ``com.acme.v2.Order``, until they differ.
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    waiting = sorted(classes)
    for depth in (1, 2, 3):
        named = {name: _class_name(name, depth) for name in waiting}
        counts = _counts(named.values())
        last = depth == 3
        for name, python in named.items():
            if last:
                found[name] = _unused(python, used)
            elif counts[python] == 1 and python not in used:
                found[name] = python
                used.add(python)
        waiting = [name for name in waiting if name not in found]
    return found


def _class_name(java: str, depth: int) -> str:
    parts = re.split(r"[.$]", java)[-depth:]
    name = _cleaned("".join(part[:1].upper() + part[1:] for part in parts)) or "Class"
    if not name.isidentifier():
        name = f"Class{name}"
    return f"{name}_" if name in USED or keyword.iskeyword(name) else name


def _counts(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _unused(name: str, used: set[str]) -> str:
    """
    Return the name, with a number if it is used, and note it.
    """
    found, number = name, 1
    while found in used:
        number += 1
        found = f"{name}_{number}"
    used.add(found)
    return found


def _cleaned(name: str) -> str:
    """
    Return what of a name Python allows, without underscores before it.
    """
    normal = unicodedata.normalize("NFKC", name)
    return "".join(char if f"a{char}".isidentifier() else "_" for char in normal).lstrip("_")


def _attribute(name: str, taken: frozenset[str]) -> str:
    attribute = _cleaned(snake_case(_cleaned(name)))
    if not attribute.isidentifier():
        attribute = f"java_{attribute}".rstrip("_")
    return f"{attribute}_" if keyword.iskeyword(attribute) or attribute in taken else attribute


def attribute_names(properties: Iterable[str], classes: Iterable[str]) -> dict[str, str]:
    """
    Return the attribute of a dataclass for each property, by Java's name, sorted.

    Args:
        classes: names of classes in the module.
    """
    taken, used = USED.union(classes), set[str]()
    return {name: _unused(_attribute(name, taken), used) for name in sorted(properties)}


def method_names(
    methods: Sequence[JavaMethod], classes: Mapping[str, str]
) -> list[tuple[str, JavaMethod]]:
    """
    Return the attribute for each method. Overloads have the types of their parameters in it.
    """
    counts = _counts(each.name for each in methods)
    taken, used = USED.union(classes.values(), _SERVICE), set[str]()
    found: list[tuple[str, JavaMethod]] = []
    for each in methods:
        name = each.name
        if counts[name] > 1:
            name = "_".join((name, *(map(_word, each.parameters))))
        found.append((_unused(_attribute(name, taken), used), each))
    return found


def _word(parameter: object) -> str:
    return str(parameter).partition("<")[0].replace("[]", "_array").replace("$", "_")
