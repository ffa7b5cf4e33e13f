"""
The plugin run by the real protoc, and what it writes imported by a real Python.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from rpcfw.codegen.dynamic import services_from_proto
from rpcfw.errors import SetupError
from rpcfw.spi.service_class import offered
from tests.requirements import require

ROOT = Path(__file__).parent.parent.parent
ORDERS = ROOT / "examples" / "orders" / "order.proto"
WRITTEN = ROOT / "tests" / "typing" / "orders" / "order_rpc.py"

MONEY = """
syntax = "proto2";
package shop.money;
message Money { optional int64 units = 1; message Part { optional int32 share = 1; } }
"""

STOCK = """
%s
package shop.stock;
message Item { int32 number = 1; }
"""

SHOP = """
syntax = "proto3";
package shop;
import "google/protobuf/empty.proto";
import "google/protobuf/timestamp.proto";
import "shop/money/money.proto";
import "shop/stock-items.proto";
import "class/odd.proto";
service Shop {
  rpc Import(stock.Item) returns (money.Money.Part);
  rpc List(google.protobuf.Empty) returns (stream google.protobuf.Timestamp);
  rpc Odd(odd.M) returns (Own);
}
message Own { optional int32 maybe = 1; }
"""

ODD = 'syntax = "proto3"; package odd; message M {}'

USE = """
import importlib, sys
from rpcfw.spi.service_class import offered
module = importlib.import_module(sys.argv[1] + "shop.shop_rpc")
for one in offered(module.ShopBase):
    print(one.attribute, one.method.request_type.DESCRIPTOR.full_name,
          one.method.response_type.DESCRIPTOR.full_name)
"""

USED = """\
import_ shop.stock.Item shop.money.Money.Part
list google.protobuf.Empty google.protobuf.Timestamp
odd odd.M shop.Own
"""


@pytest.fixture
def sources(tmp_path):
    """
    Proto files of every syntax, which import each other.
    """
    require(find_spec("grpc_tools"), "pip install 'rpcfw[codegen]'")
    # protoc 27 is the first that takes editions unasked.
    release = tuple(int(part) for part in version("grpcio-tools").split(".")[:2])
    syntax = 'edition = "2023";' if release >= (1, 66) else 'syntax = "proto3";'
    files = {
        "shop/shop.proto": SHOP,
        "shop/money/money.proto": MONEY,
        "shop/stock-items.proto": STOCK % syntax,
        "class/odd.proto": ODD,
        "order.proto": ORDERS.read_text("utf-8"),
    }
    for name, text in files.items():
        path = tmp_path / "protos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "protos"


def _python(*arguments, cwd):
    path = f"{ROOT}:{ROOT / 'plugins'}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _protoc(sources, out, *options):
    plugin = sources.parent / "protoc-gen-rpcfw"
    plugin.write_text(f"#!/bin/sh\nexec {sys.executable} -m rpcfw.codegen.protoc\n")
    plugin.chmod(0o755)
    out.mkdir(exist_ok=True)
    names = sorted(str(path.relative_to(sources)) for path in sources.rglob("*.proto"))
    return _python(
        *("-m", "grpc_tools.protoc", "-I.", f"--plugin=protoc-gen-rpcfw={plugin}"),
        *(f"--python_out={out}", f"--rpcfw_out={out}"),
        *options,
        *names,
        cwd=sources,
    )


def test_the_example_is_written_as_it_is_type_checked(sources, tmp_path):
    """
    The text whose types mypy checks is what the plugin writes today.
    """
    assert "" == _protoc(sources, tmp_path / "gen").stderr
    assert WRITTEN.read_text("utf-8") == (tmp_path / "gen" / "order_rpc.py").read_text("utf-8")


@pytest.mark.parametrize("options", [(), ("--rpcfw_opt=imports=absolute",)])
def test_a_tree_works_from_its_root(sources, tmp_path, options):
    """
    With the root on the path, nested packages and foreign messages are found.
    """
    out = tmp_path / "gen"
    assert "" == _protoc(sources, out, *options).stderr
    done = _python("-c", f"import sys; sys.path.insert(0, '.')\n{USE}", "", cwd=out)
    assert (USED, "") == (done.stdout, done.stderr)


def test_a_tree_works_inside_a_package(sources, tmp_path):
    """
    Put into a package and made relative, the same tree is imported from there.
    """
    out = tmp_path / "gen"
    assert "" == _protoc(sources, out).stderr
    assert "" == _python("-m", "rpcfw.codegen.relative", str(out), cwd=tmp_path).stderr
    done = _python("-c", USE, "gen.", cwd=tmp_path)
    assert (USED, "") == (done.stdout, done.stderr)


def test_a_mistaken_option_reaches_the_user(sources, tmp_path):
    """
    protoc shows what the plugin has against its options.
    """
    done = _protoc(sources, tmp_path / "gen", "--rpcfw_opt=import=no")
    assert 0 != done.returncode
    assert "there is no such option; known: imports" in done.stderr


def test_a_proto_file_is_served_without_written_code(sources):
    """
    protoc reads the file, and its services are classes at once.
    """
    services = services_from_proto(sources / "shop" / "shop.proto", include=[sources])
    assert ["shop.Shop"] == list(services)
    assert ["import_", "list", "odd"] == [one.attribute for one in offered(services["shop.Shop"])]
    own = services.message("shop.Own")
    assert own.FromString(own(maybe=0).SerializeToString()).HasField("maybe")


def test_a_broken_proto_file_is_shown_with_its_line(tmp_path):
    """
    What protoc says of a file reaches whoever asked for it.
    """
    require(find_spec("grpc_tools"), "pip install 'rpcfw[codegen]'")
    path = tmp_path / "broken.proto"
    path.write_text('syntax = "proto3";\nservice S { rpc M(Nowhere) returns (Nowhere); }\n')
    with pytest.raises(SetupError, match=r'broken.proto:2:19: "Nowhere" is not defined'):
        services_from_proto(path)
