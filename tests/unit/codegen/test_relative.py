"""
A tree that protoc wrote, made fit for a package.
"""

from __future__ import annotations

import sys

from rpcfw.codegen.relative import main, make_relative

TEXT = """\
import importlib
from google.protobuf import empty_pb2 as _empty_pb2
from common import money_pb2 as common_dot_money__pb2
import order_pb2 as order__pb2
odd = importlib.import_module('class.odd_pb2')
from common.money_pb2 import *
other = importlib.import_module('elsewhere.odd_pb2')
from elsewhere import x_pb2
"""

RELATIVE = """\
import importlib
from google.protobuf import empty_pb2 as _empty_pb2
from ..common import money_pb2 as common_dot_money__pb2
from .. import order_pb2 as order__pb2
odd = importlib.import_module('..class.odd_pb2', __package__)
from ..common.money_pb2 import *
other = importlib.import_module('elsewhere.odd_pb2')
from elsewhere import x_pb2
"""


def _tree(root):
    for path in ("common/money_pb2.py", "order_pb2.py", "class/odd_pb2.py", "foo/x_pb2.py"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("")
    (root / "foo/x_pb2.py").write_text(TEXT)
    (root / "foo/x_pb2.pyi").write_text(TEXT)


def test_imports_within_the_tree_become_relative(tmp_path):
    """
    Modules of the tree are imported from beside, others as before.
    """
    _tree(tmp_path)
    assert [tmp_path / "foo/x_pb2.py", tmp_path / "foo/x_pb2.pyi"] == make_relative(tmp_path)
    assert RELATIVE == (tmp_path / "foo/x_pb2.py").read_text()
    assert RELATIVE == (tmp_path / "foo/x_pb2.pyi").read_text()


def test_a_second_run_changes_nothing(tmp_path):
    """
    The command may stand in a build that runs often.
    """
    _tree(tmp_path)
    make_relative(tmp_path)
    assert [] == make_relative(tmp_path)


def test_the_command_says_what_it_did(tmp_path, monkeypatch, capsys):
    """
    The command takes a directory, and tells how to be used if it gets none.
    """
    _tree(tmp_path)
    monkeypatch.setattr(sys, "argv", ["relative", str(tmp_path)])
    assert 0 == main()
    assert "made relative: 2 files\n" == capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["relative"])
    assert 2 == main()
    assert "DIRECTORY" in capsys.readouterr().err
