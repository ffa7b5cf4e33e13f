"""
The text that is written for a file of services.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rpcfw.codegen.model import read_file, read_messages
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
    source = MONEY + 'service { name: "AB" } service { name: "Ab" }'
    text = _text(source, relative=True)
    assert "_AB = {" in text
    assert "_AB_1 = {" in text
