"""
``protoc-gen-rpcfw``: protoc's request on standard input, its answer on standard output.

protoc finds it on the path by that name and runs it for ``--rpcfw_out``. What it
is asked wrongly it answers with an error, which protoc shows to the user; it
never writes to standard output itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition
from google.protobuf.message import DecodeError

from rpcfw.codegen.model import read_file, read_messages
from rpcfw.codegen.names import services_module
from rpcfw.codegen.text import module_text
from rpcfw.errors import SettingsError

__all__ = ["answer", "main"]

#: CodeGeneratorResponse.Feature, as numbers: an old protobuf knows the first alone.
_PROTO3_OPTIONAL, _SUPPORTS_EDITIONS = 1, 2
_EDITION_PROTO2, _EDITION_2023, _EDITION_UNSTABLE = 998, 1000, 9999

_IMPORTS = ("relative", "absolute")

_USAGE = """\
protoc-gen-rpcfw is run by protoc, which speaks to it on standard input:
  python -m grpc_tools.protoc -I. --python_out=gen --pyi_out=gen --rpcfw_out=gen order.proto
"""


def answer(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """
    Return the modules for the files that protoc asks for, or what is wrong.
    """
    response = CodeGeneratorResponse(supported_features=_PROTO3_OPTIONAL | _SUPPORTS_EDITIONS)
    if "minimum_edition" in response.DESCRIPTOR.fields_by_name:
        response.minimum_edition = _EDITION_PROTO2
        response.maximum_edition = _newest_edition()
    try:
        relative = _read_options(request.parameter)
    except SettingsError as error:
        response.error = str(error)
        return response
    messages = read_messages(request.proto_file)
    written = frozenset(request.file_to_generate)
    for file in request.proto_file:
        if file.name in written and file.service:
            response.file.add(
                name=services_module(file.name).replace(".", "/") + ".py",
                content=module_text(read_file(file, messages), relative=relative, written=written),
            )
    return response


def _newest_edition() -> int:
    """
    Return the newest edition that the installed protobuf knows.

    Services look the same in all of them, so none needs more than to be parsed.
    """
    return max(_EDITION_2023, *(n for n in Edition.values() if n < _EDITION_UNSTABLE))


def _read_options(parameter: str) -> bool:
    """
    Return whether imports shall be relative.

    Raises:
        SettingsError: there is no such option, or it has no such value.
    """
    choice = "relative"
    for option in filter(None, (part.strip() for part in parameter.split(","))):
        name, _, value = option.partition("=")
        if name != "imports":
            raise SettingsError(f"--rpcfw_opt={option}: there is no such option; known: imports")
        if value not in _IMPORTS:
            raise SettingsError(_expected(option, _IMPORTS))
        choice = value
    return choice == "relative"


def _expected(option: str, values: Iterable[str]) -> str:
    return f"--rpcfw_opt={option}: expected imports={' or imports='.join(values)}"


def main() -> int:
    """
    Run as protoc runs its plugins.
    """
    try:
        # At a terminal nobody would ever answer.
        asked = b"-" if sys.stdin.isatty() else sys.stdin.buffer.read()
        request = CodeGeneratorRequest.FromString(asked)
    except DecodeError:
        sys.stderr.write(_USAGE)
        return 2
    sys.stdout.buffer.write(answer(request).SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main())
