"""
What protoc asks the plugin, and what it is answered.
"""

from __future__ import annotations

import io
import sys

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse

from rpcfw.codegen.protoc import answer, main
from tests.unit.codegen.descriptors import files


def _request(*names, parameter=""):
    return CodeGeneratorRequest(file_to_generate=names, parameter=parameter, proto_file=files())


def test_only_files_with_services_are_written():
    """
    For each file asked for that has services, one module beside its messages.
    """
    response = answer(_request("order.proto", "common/money.proto", "foo/deep/money.proto"))
    assert ["order_rpc.py", "foo/deep/money_rpc.py"] == [file.name for file in response.file]
    assert not response.HasField("error")


def test_optional_fields_and_editions_are_supported():
    """
    Protoc refuses no proto3 file with optional fields, nor one with an edition.
    """
    response = answer(_request())
    assert 3 == response.supported_features
    # Before protobuf 5.26 there were no editions to be told of.
    if "minimum_edition" in response.DESCRIPTOR.fields_by_name:
        assert 998 == response.minimum_edition
        assert 1000 <= response.maximum_edition < 9999


def test_imports_are_an_option():
    """
    imports=absolute reaches the text.
    """
    (file,) = answer(_request("order.proto", parameter="imports=absolute")).file
    assert "\nimport order_pb2\n" in file.content
    assert "from . import" not in file.content


def test_unknown_options_are_answered():
    """
    A mistaken option is refused with the names that there are.
    """
    response = answer(_request("order.proto", parameter="import=relative"))
    assert "--rpcfw_opt=import=relative: there is no such option; known: imports" == response.error
    assert not response.file


def test_unknown_values_are_answered():
    """
    A mistaken value is refused with the values that there are.
    """
    response = answer(_request(parameter="imports=fancy"))
    expected = "--rpcfw_opt=imports=fancy: expected imports=relative or imports=absolute"
    assert expected == response.error


class _Terminal:
    """
    A standard stream of bytes.
    """

    def __init__(self, data=b"", terminal=False):
        self.buffer = io.BytesIO(data)
        self._terminal = terminal

    def isatty(self):
        return self._terminal


def test_request_and_answer_travel_on_the_standard_streams(monkeypatch):
    """
    The plugin speaks as protoc's documentation says.
    """
    monkeypatch.setattr(sys, "stdin", _Terminal(_request("order.proto").SerializeToString()))
    monkeypatch.setattr(sys, "stdout", _Terminal())
    assert 0 == main()
    response = CodeGeneratorResponse.FromString(sys.stdout.buffer.getvalue())
    assert ["order_rpc.py"] == [file.name for file in response.file]


def test_a_person_is_told_how_to_run_it(monkeypatch, capsys):
    """
    Started at a terminal it says who runs it, instead of waiting for ever.
    """
    monkeypatch.setattr(sys, "stdin", _Terminal(terminal=True))
    assert 2 == main()
    assert "--rpcfw_out=gen" in capsys.readouterr().err
