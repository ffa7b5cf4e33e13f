"""
The text that is written for a file of services.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from rpcfw.codegen.model import read_file, read_messages
from rpcfw.codegen.names import messages_module, services_module
from rpcfw.codegen.text import module_text
from tests.unit.codegen.descriptors import MONEY, ORDER, SHOP, file, files

GOLDEN = Path(__file__).with_name("order_rpc.txt")


def _text(source, **options):
    return module_text(read_file(file(source), read_messages(files())), **options)


def test_the_text_is_as_agreed():
    """
    What users build on changes only together with the text kept beside this test.
    """
    assert GOLDEN.read_text("utf-8") == _text(ORDER, relative=True)


@pytest.mark.parametrize("source", [ORDER, SHOP])
@pytest.mark.parametrize("relative", [True, False])
def test_the_text_compiles(source, relative):
    """
    Keywords, quotes and nested names never make text that Python refuses.
    """
    compile(_text(source, relative=relative), "x_rpc.py", "exec")


def test_imports_are_relative_inside_a_further_package():
    """
    A tree that is put into a package finds its own modules there.
    """
    text = _text(SHOP, relative=True)
    assert 'if TYPE_CHECKING or (__package__ or "") != "foo.deep":\n' in text
    assert "    from . import money_pb2\n" in text
    assert "    from ...common import money_pb2 as common_money_pb2\n" in text
    assert "    from ... import order_pb2\n" in text
    assert 'odd_name_pb2: Any = import_module("...class.odd_name_pb2", __package__)\n' in text
    assert "    from foo.deep import money_pb2\n" in text


def test_imports_from_the_root_on_demand():
    """
    With imports=absolute nothing is looked for beside the module.
    """
    text = _text(SHOP, relative=False)
    assert "TYPE_CHECKING" not in text
    assert "\nfrom foo.deep import money_pb2\n" in text
    assert '\nodd_name_pb2 = import_module("class.odd_name_pb2")\n' in text


def test_messages_of_google_come_installed():
    """
    Well-known types are never looked for beside the module.
    """
    assert "\nfrom google.protobuf import empty_pb2\n" in _text(SHOP, relative=True)


def test_messages_named_for_keywords_are_reached():
    """
    A message that no Python text can name is still served and called.
    """
    text = _text(SHOP, relative=True)
    assert 'request_type=getattr(common_money_pb2, "None"),' in text
    assert "def nothing(self, request: Any, /) -> Reply[empty_pb2.Empty]:" in text


def test_a_file_without_methods_imports_what_it_uses():
    """
    An empty service makes an empty class.
    """
    source = MONEY + 'service { name: "Nothing" }'
    text = _text(source, relative=True)
    assert 'class NothingBase(Service, name="common.Nothing"):' in text
    assert "_pb2" not in text.replace("protoc", "")


def test_services_of_like_names_keep_their_methods_apart():
    """
    Two services whose names differ by case alone have a table each.
    """
    go = 'method { name: "Go" input_type: ".common.Money" output_type: ".common.Money" }'
    source = f'{MONEY} service {{ name: "AB" {go} }} service {{ name: "Ab" {go} }}'
    text = _text(source, relative=True)
    assert "_AB = {" in text
    assert "_AB_1 = {" in text


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize(
    "proto",
    ["2fa.proto", "2/order.proto", "v1.2/a.proto", "a b.proto", "class/2fa.proto", "is.proto"],
)
def test_files_of_any_name(tmp_path, monkeypatch, proto, relative):
    """
    What is written for a proto file whose name is no identifier can be imported.
    """
    described = file(
        f"""name: "{proto}" package: "odd" syntax: "proto3" message_type {{ name: "M" }}
        service {{
          name: "S" method {{ name: "Go" input_type: ".odd.M" output_type: ".odd.M" }}
        }}"""
    )
    text = module_text(read_file(described, read_messages([described])), relative=relative)
    messages, services = messages_module(proto), services_module(proto)
    for module, content in ((messages, "class M: pass"), (services, text)):
        path = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    for name in {part for one in (messages, services) for part in prefixes(one)}:
        monkeypatch.delitem(sys.modules, name, raising=False)

    module = import_module(services)

    assert "odd.S" == module.SStub.service_name


def prefixes(dotted: str) -> list[str]:
    """
    Return a dotted name and the packages that it stands in.
    """
    parts = dotted.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def test_a_service_without_methods_is_written():
    """
    A service that declares no method yet is written, and imported.
    """
    bare = file('name: "bare.proto" package: "odd" service { name: "Bare" }')
    text = module_text(read_file(bare, {}), relative=True)
    namespace: dict = {}

    exec(compile(text, "bare_rpc.py", "exec"), namespace)  # noqa: S102 - text of ours

    assert "odd.Bare" == namespace["BareStub"].service_name
