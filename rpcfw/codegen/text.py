"""
A file of services to the text of a Python module.

For each service a base class, which users subclass to serve it, and two stubs to
call it, from coroutines and from plain threads; all typed. The base class alone says
what the service is on the wire: the stubs read it there.
"""

from __future__ import annotations

from collections.abc import Collection

from rpcfw.codegen.imports import Imports
from rpcfw.codegen.model import RPC, ServiceFile, WrittenService
from rpcfw.codegen.names import services_module, snake_case
from rpcfw.values.method import Shape

__all__ = ["module_text"]

_WIDTH = 100
_LIMITS = (
    "timeout: float | str | None = None, metadata: MetadataLike | None = None, "
    "compression: str | None = None"
)


def module_text(file: ServiceFile, *, relative: bool, written: Collection[str] = ()) -> str:
    """
    Return the module that serves and calls the services of ``file``.

    Args:
        relative: write imports that also work inside a package.
        written: the proto files of the same run.
    """
    methods = [method for service in file.services for method in service.methods]
    imports = Imports(
        package=services_module(file.proto).rpartition(".")[0],
        protos=[message.proto for one in methods for message in (one.request, one.response)],
        relative=relative,
        written=written,
    )
    blocks = [_head(file, methods, imports)]
    for service, table in zip(file.services, _tables(file.services), strict=True):
        blocks.append(_serving(service, imports))
        if service.methods:
            blocks.append(
                f"{table} = {{one.attribute: one.method for one in offered({service.name}Base)}}"
            )
        blocks.append(_calling(service, table, imports, blocking=False))
        blocks.append(_calling(service, table, imports, blocking=True))
    return "\n\n\n".join(blocks) + "\n"


def _tables(services: tuple[WrittenService, ...]) -> list[str]:
    """
    Name, for each service, the table in which its stub finds its methods.
    """
    tables: list[str] = []
    for service in services:
        table = f"_{snake_case(service.name).upper()}"
        tables.append(f"{table}_{len(tables)}" if table in tables else table)
    return tables


def _head(file: ServiceFile, methods: list[RPC], imports: Imports) -> str:
    shapes = {method.shape for method in methods}
    sections = [
        [
            '"""',
            f"The services of {file.proto}: a base class to serve each, stubs to call it.",
            "",
            "Written by protoc-gen-rpcfw. Do not edit: change the proto file and run protoc again.",
            '"""',
        ],
        ["from __future__ import annotations"],
        _standard_imports(shapes, imports, methods),
        _own_imports(shapes),
        imports.lines(),
    ]
    ends = ("Base", "BlockingStub", "Stub")
    names = [f"{service.name}{end}" for service in file.services for end in ends]
    exported = ["__all__ = [", *(f'    "{name}",' for name in sorted(names)), "]"]
    return "\n\n".join("\n".join(section) for section in (*sections, exported) if section)


def _standard_imports(shapes: set[Shape], imports: Imports, methods: list[RPC]) -> list[str]:
    names = []
    if any(shape.client_streams for shape in shapes):
        names += ["AsyncIterable", "Iterable"]
    if shapes - {Shape.UNARY}:
        names.append("AsyncIterator")
    if any(not shape.server_streams for shape in shapes):
        names.append("Coroutine")
    typed = ["TYPE_CHECKING"] if imports.placed else []
    typed += ["Any"] if _names_any(methods, imports) else []
    return [
        *([f"from collections.abc import {', '.join(sorted(names))}"] if names else []),
        *(["from importlib import import_module"] if imports.by_name else []),
        *([f"from typing import {', '.join(typed)}"] if typed else []),
    ]


def _names_any(methods: list[RPC], imports: Imports) -> bool:
    types = {imports.annotation(m) for one in methods for m in (one.request, one.response)}
    return "Any" in types or any(not one.shape.server_streams for one in methods)


def _own_imports(shapes: set[Shape]) -> list[str]:
    streams = any(shape.server_streams for shape in shapes)
    replies = any(not shape.server_streams for shape in shapes)
    service = ["Reply"] if replies else []
    service += ["Service", *(["method"] if shapes else [])]
    blocking = ["BlockingStream"] if streams else []
    blocking.append("BlockingStub")
    return [
        f"from rpcfw.client.blocking import {', '.join(blocking)}",
        "from rpcfw.client.stub import Stub",
        *(["from rpcfw.errors import Unimplemented"] if shapes else []),
        f"from rpcfw.spi.service import {', '.join(service)}",
        *(["from rpcfw.spi.service_class import offered"] if shapes else []),
        *(["from rpcfw.spi.stream import Stream"] if streams else []),
        *(["from rpcfw.values.metadata import MetadataLike"] if shapes else []),
        *(["from rpcfw.values.method import Shape"] if shapes else []),
    ]


def _serving(service: WrittenService, imports: Imports) -> str:
    lines = [f'class {service.name}Base(Service, name="{service.full_name}"):']
    lines += _docstring("    ", service.comment or f"Serves {service.full_name}.")
    for method in service.methods:
        lines += ["", *_served(service, method, imports)]
    return "\n".join(lines)


def _served(service: WrittenService, method: RPC, imports: Imports) -> list[str]:
    request, response = imports.annotation(method.request), imports.annotation(method.response)
    taken = f"AsyncIterator[{request}]" if method.shape.client_streams else request
    given = "AsyncIterator" if method.shape.server_streams else "Reply"
    return [
        "    @method(",
        f'        name="{method.name}",',
        f"        shape=Shape.{method.shape.name},",
        f"        request_type={imports.expression(method.request)},",
        f"        response_type={imports.expression(method.response)},",
        '        codec="protobuf",',
        *(["        idempotent=True,"] if method.idempotent else []),
        "    )",
        *_folded(
            f"    def {method.attribute}(",
            f"self, {_parameter(method)}: {taken}, /",
            f") -> {given}[{response}]:",
        ),
        *_docstring("        ", _comment(method)),
        *_folded(
            "        raise Unimplemented(",
            f'"{service.full_name}/{method.name} is declared but not written"',
            ")",
        ),
    ]


def _calling(service: WrittenService, table: str, imports: Imports, *, blocking: bool) -> str:
    kind = "BlockingStub" if blocking else "Stub"
    lines = [f"class {service.name}{kind}({kind}):"]
    lines += _docstring("    ", service.comment or f"Calls {service.full_name}.")
    lines += ["", f'    service_name = "{service.full_name}"']
    for method in service.methods:
        lines += ["", *_called(method, table, imports, blocking=blocking)]
    return "\n".join(lines)


def _called(method: RPC, table: str, imports: Imports, *, blocking: bool) -> list[str]:
    request, response = imports.annotation(method.request), imports.annotation(method.response)
    taken = request
    if method.shape.client_streams:
        taken = f"Iterable[{request}] | AsyncIterable[{request}]"
    if method.shape is Shape.BIDI_STREAM:
        taken += " | None = None"
    given = response if blocking else f"Coroutine[Any, Any, {response}]"
    if method.shape.server_streams:
        given = f"{'BlockingStream' if blocking else 'Stream'}[{request}, {response}]"
    verb = "_stream" if method.shape.server_streams else "_call"
    parameter = _parameter(method)
    known = f'{table}["{method.attribute}"]'
    call = f"self.{verb}({known}, {parameter}, timeout, metadata, compression)"
    # mypy's strict mode lets nobody return what is Any, as a blocking call's result is.
    is_any = blocking and not method.shape.server_streams
    body = [f"reply: {given} = {call}", "return reply"] if is_any else [f"return {call}"]
    return [
        f"    def {method.attribute}(",
        "        self,",
        *_taken(parameter, taken),
        "        *,",
        *(f"        {limit}," for limit in _LIMITS.split(", ")),
        f"    ) -> {given}:",
        *_docstring("        ", _comment(method)),
        *(f"        {line}" for line in body),
    ]


def _taken(parameter: str, taken: str) -> list[str]:
    line = f"        {parameter}: {taken},"
    if len(line) <= _WIDTH:
        return [line]
    return line.replace(" | ", "\n        | ").splitlines()


def _folded(before: str, between: str, after: str) -> list[str]:
    """
    Return one line, or three if it would be long.
    """
    line = before + between + after
    if len(line) <= _WIDTH:
        return [line]
    indent = before[: len(before) - len(before.lstrip())]
    return [before, f"{indent}    {between}", f"{indent}{after}"]


def _parameter(method: RPC) -> str:
    return "requests" if method.shape.client_streams else "request"


def _comment(method: RPC) -> str:
    comment = method.comment
    if method.deprecated:
        comment = f"{comment}\n\nDeprecated." if comment else "Deprecated."
    return comment


def _docstring(indent: str, text: str) -> list[str]:
    if not text:
        return []
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return [
        f'{indent}"""',
        *(f"{indent}{line}".rstrip() for line in safe.splitlines()),
        f'{indent}"""',
    ]
