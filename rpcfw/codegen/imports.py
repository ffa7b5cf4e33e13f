"""
How written code imports the modules that hold its messages.

protoc's own Python output imports from the root of the tree, so it works only if
that root is on the path. What is written here works wherever the tree is put:
from the root as long as the module's package is the proto file's directory, and
relatively once the tree lies in a further package.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attrs import frozen

from rpcfw.codegen.model import Message
from rpcfw.codegen.names import identifier, is_unwritable, messages_module

__all__ = ["Imports"]


@frozen
class _Module:
    """
    A module of messages: its dotted name from the root, and its name in the text.
    """

    dotted: str
    alias: str
    relative: bool


class Imports:
    """
    The modules of messages that one written file needs.

    Args:
        package: directory of the file, dotted; empty for the root of the tree.
        protos: the proto files whose messages it names.
        relative: whether the tree may be put into a package.
        written: the files that protoc writes in the same run.
    """

    def __init__(
        self, package: str, protos: Iterable[str], relative: bool, written: Collection[str]
    ) -> None:
        self._package = package
        self._modules: dict[str, _Module] = {}
        for dotted, proto in self._sorted(protos):
            # Google's own protos come installed, at the root.
            apart = proto.startswith("google/") and proto not in written
            self._modules[proto] = _Module(dotted, self._alias(dotted), relative and not apart)

    def _sorted(self, protos: Iterable[str]) -> list[tuple[str, str]]:
        """
        Modules of this directory come first: theirs are the short names.
        """
        named = {(messages_module(proto), proto) for proto in protos}
        return sorted(named, key=lambda one: (one[0].rpartition(".")[0] != self._package, one))

    def _alias(self, dotted: str) -> str:
        used = {module.alias for module in self._modules.values()}
        last = identifier(dotted.rpartition(".")[2])
        if last not in used:
            return last
        alias = plain = identifier(dotted)
        number = 1
        while alias in used:
            number += 1
            alias = f"{plain.removesuffix('_pb2')}_{number}_pb2"
        return alias

    def expression(self, message: Message) -> str:
        """
        Return what evaluates to the message's class.
        """
        text = self._modules[message.proto].alias
        if not is_unwritable(message.name):
            return f"{text}.{message.name}"
        for part in message.name.split("."):
            text = f'getattr({text}, "{part}")'
        return text

    def annotation(self, message: Message) -> str:
        """
        Return what a type checker reads as the message's class.
        """
        if is_unwritable(message.name) or is_unwritable(self._modules[message.proto].dotted):
            return "Any"
        return self.expression(message)

    @property
    def by_name(self) -> bool:
        """
        Whether a module's name cannot be written, so that importlib has to import it.
        """
        return any(is_unwritable(module.dotted) for module in self._modules.values())

    @property
    def placed(self) -> bool:
        """
        Whether the text asks where in a package it lies.
        """
        return any(module.relative for module in self._modules.values())

    def lines(self) -> list[str]:
        """
        Return the lines of the import section.
        """
        fixed = [_absolute(m) for m in self._modules.values() if not m.relative]
        placed = [module for module in self._modules.values() if module.relative]
        if not placed:
            return fixed
        return [
            *fixed,
            *([""] if fixed else []),
            f'if TYPE_CHECKING or (__package__ or "") != "{self._package}":',
            *(f"    {self._relative(module)}" for module in placed),
            "else:",
            *(f"    {_absolute(module)}" for module in placed),
        ]

    def _relative(self, module: _Module) -> str:
        here = self._package.split(".") if self._package else []
        *there, name = module.dotted.split(".")
        shared = 0
        while shared < min(len(here), len(there)) and here[shared] == there[shared]:
            shared += 1
        origin = "." * (1 + len(here) - shared) + ".".join(there[shared:])
        if is_unwritable(module.dotted):
            path = f"{origin}.{name}" if there[shared:] else f"{origin}{name}"
            return f'{module.alias}: Any = import_module("{path}", __package__)'
        return f"from {origin} import {name}{_as(module.alias, name)}"


def _absolute(module: _Module) -> str:
    package, _, name = module.dotted.rpartition(".")
    if is_unwritable(module.dotted):
        return f'{module.alias} = import_module("{module.dotted}")'
    if not package:
        return f"import {name}{_as(module.alias, name)}"
    return f"from {package} import {name}{_as(module.alias, name)}"


def _as(alias: str, name: str) -> str:
    return "" if alias == name else f" as {alias}"
