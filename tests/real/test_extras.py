"""
What is told where an extra is not installed: what it is for, and a command that works.
"""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser

import pytest

from tests.house.tree import ROOT
from tests.real.commands import LIMIT_S, environment

#: What is asked for, the modules that its extra brings, the extra, and what is told of it.
CASES = [
    ("[registry]\nplugin = zookeeper\n", ["kazoo"], "zookeeper", "kazoo"),
    ("[registry]\nplugin = etcd\n", ["google.protobuf", "google"], "etcd", "google"),
    ("[registry]\nplugin = etcd\n", ["hpack"], "grpc", "hpack"),
    ("[server]\nprotocols = native, grpc\n", ["hpack"], "grpc", "hpack"),
    ("[server]\nbuiltin = grpc_health\n", ["google.protobuf", "google"], "grpc", "google"),
    ("[app]\ncodecs = protobuf\n", ["google.protobuf", "google"], "protobuf", "google"),
    ("[app]\ncompressors = zstd\n", ["zstandard"], "zstd", "zstandard"),
    ("[tracing]\nplugin = otel\n", ["opentelemetry"], "tracing", "opentelemetry"),
    ("[metrics]\nexporter = otlp\nendpoint = http://a\n", ["opentelemetry"], "metrics",
     "opentelemetry"),
    ("[app]\nreactor = uvloop\n", ["uvloop"], "uvloop", "uvloop"),
    ("[tls]\nca = a.pem\n", ["OpenSSL", "service_identity"], "tls", "TLS"),
    ("[server]\nservices = dynamic:services\n[app]\npython_path = .\n", ["grpc_tools"],
     "codegen", "takes protoc"),
]  # fmt: skip

PROGRAM = """
import sys
for name in sys.argv[2:]:
    sys.modules[name] = None
from rpcfw.cli.main import main
sys.exit(main(["config", "check", "-c", sys.argv[1]]))
"""

DYNAMIC = """
from pathlib import Path
from rpcfw.codegen.dynamic import services_from_proto
services = services_from_proto(Path(__file__).with_name("a.proto"))
"""


def brought(extra: str) -> list[str]:
    """
    Return the requirements of an extra, as setup.cfg has them.
    """
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["options.extras_require"][extra].split()


@pytest.mark.parametrize(("text", "modules", "extra", "told"), CASES)
def test_a_missing_extra_names_itself_and_the_command(tmp_path, text, modules, extra, told):
    """
    Where an extra is hidden, the check names it, with file and line, and what it brings.

    So the command for pip needs no released rpcfw.
    """
    (tmp_path / "a.proto").write_text('syntax = "proto3";')
    (tmp_path / "dynamic.py").write_text(DYNAMIC)
    file = tmp_path / "a.ini"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file), *modules],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )

    assert (2, "") == (done.returncode, done.stdout)
    line, *_ = done.stderr.splitlines()
    assert re.match(rf"{re.escape(str(file))}:\d: ", line), line
    assert told in line
    assert f"rpcfw[{extra}]" in line
    installed = re.findall(r"'([^']+)'", line.partition("pip install ")[2])
    assert {_name(each) for each in brought(extra)} == {_name(each) for each in installed}


def _name(requirement: str) -> str:
    return re.split(r"[<>=]", requirement.lower().replace("_", "-"))[0]
