"""
The Protobuf files behind the services that are served, and what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import Descriptor, FileDescriptor

from rpcfw.spi.inspection import ServedService

__all__ = ["Described", "file_of"]


def file_of(service: ServedService) -> FileDescriptor | None:
    """
    Return the file that defines a service; None for one in plain Python.
    """
    for method in service.methods:
        for type in (method.request_type, method.response_type):
            file = getattr(getattr(type, "DESCRIPTOR", None), "file", None)
            if file is None:
                continue
            try:
                # The messages may be in another file than their service.
                found: FileDescriptor = file.pool.FindServiceByName(service.name).file
            except KeyError:
                continue
            return found
    return None


class Described:
    """
    The files of some services, with everything that they import and what extends that.

    A process may know of further files, which are not its peers' business.

    Args:
        services: of which some may be in plain Python.
    """

    def __init__(self, services: Iterable[ServedService]) -> None:
        self.files: dict[str, FileDescriptor] = {}
        self.symbols: dict[str, FileDescriptor] = {}
        #: By full name of every message, then by number of the field that extends it.
        self.extensions: dict[str, dict[int, FileDescriptor]] = {}
        for service in services:
            file = file_of(service)
            if file is not None:
                self._add(file)

    def with_imports(self, file: FileDescriptor) -> Iterator[FileDescriptor]:
        """
        Yield a file, then those that it imports, and so on; each once.
        """
        seen = {file.name}
        waiting = [file]
        for each in waiting:
            yield each
            for needed in each.dependencies:
                if needed.name not in seen:
                    seen.add(needed.name)
                    waiting.append(needed)

    def _add(self, root: FileDescriptor) -> None:
        waiting = [root]
        while waiting:
            for file in self.with_imports(waiting.pop()):
                # Of two pools' files with one name the first counts: peers know only one.
                if file.name not in self.files:
                    self.files[file.name] = file
                    for symbol in _symbols(file):
                        self.symbols.setdefault(symbol, file)
                    waiting += self._note_extensions(file)

    def _note_extensions(self, file: FileDescriptor) -> list[FileDescriptor]:
        """
        Return the files that extend a file's messages, also those that nothing imports.

        Such a field may be in any message of its type that a peer is sent.
        """
        found = []
        for message in _messages(file.message_types_by_name.values()):
            known = self.extensions.setdefault(message.full_name, {})
            if message.is_extendable:
                for field in file.pool.FindAllExtensions(message):
                    extending = field.file  # type: ignore[attr-defined]  # the stubs leave it out
                    known[field.number] = extending
                    found.append(extending)
        return found


def _messages(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for message in messages:
        yield message
        yield from _messages(message.nested_types)


def _symbols(file: FileDescriptor) -> Iterator[str]:
    """
    Yield the full name of everything that a file defines.
    """
    enums = list(file.enum_types_by_name.values())
    for message in _messages(file.message_types_by_name.values()):
        yield message.full_name
        enums += message.enum_types
        yield from (f"{message.full_name}.{field.name}" for field in message.fields)
        yield from (f"{message.full_name}.{one.name}" for one in message.oneofs)
        yield from (field.full_name for field in message.extensions)
    for enum in enums:
        yield enum.full_name
        scope = enum.full_name.rpartition(".")[0]
        # A value's full name is beside its enum, not in it.
        yield from (f"{scope}.{value.name}".lstrip(".") for value in enum.values)
    for service in file.services_by_name.values():
        yield service.full_name
        yield from (f"{service.full_name}.{method.name}" for method in service.methods)
    yield from (field.full_name for field in file.extensions_by_name.values())
