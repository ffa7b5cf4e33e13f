"""
HTTP/2's own tools against our server: h2spec for the rules, h2load for endurance.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.real.commands import Module, address_in
from tests.requirements import require

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"
REQUESTS = 100_000
LIMIT_S = 240
#: Five header fields of this length do not fit in the largest frame that the server takes (h2spec
#: has its own idea of that, whatever SETTINGS say), also with Huffman's code. One field is within
#: `max_header_bytes`.
HEADER_LENGTH = "15200"


@pytest.fixture(params=["tcp", "tls"])
def scheme(request):
    """
    How the server is reached.
    """
    return request.param


@pytest.fixture
def port(scheme, shop_folder, tmp_path):
    """
    Of a server that speaks native and gRPC.
    """
    sets = [f"server.listen={scheme}:127.0.0.1:0"]
    if scheme == "tls":
        from tests.certificates import Authority

        certificate, key, _ = Authority(tmp_path).issue("server", "127.0.0.1")
        sets += [f"tls.certificate={certificate}", f"tls.key={key}"]
    with Module("tests.interop.shop_server", shop_folder, *sets) as server:
        yield server.line().rpartition(":")[2]


@pytest.fixture(scope="module")
def h2spec(tmp_path_factory):
    """
    The tool, built where there is a Go and a way to its modules.
    """
    if shutil.which("go") is None:
        pytest.skip("needs Go, to build h2spec: https://go.dev/doc/install")
    folder = tmp_path_factory.mktemp("h2spec")
    built = subprocess.run(
        ["go", "install", H2SPEC],
        env={**os.environ, "GOBIN": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    if built.returncode:
        pytest.skip(f"h2spec cannot be built here: {built.stderr.strip()[-300:]}")
    return folder / "h2spec"


def test_h2spec(h2spec, scheme, port):
    """
    Every rule that h2spec knows is kept, the strict ones too.
    """
    flags = ["-t", "-k"] if scheme == "tls" else []
    done = subprocess.run(
        [
            *(str(h2spec), "-S", "-o", "10", "-h", "127.0.0.1", "-p", port),
            *("--max-header-length", HEADER_LENGTH),
            *flags,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert "146 tests, 146 passed, 0 skipped, 0 failed" in done.stdout, done.stdout[-4000:]


def test_h2load(shop_folder, tmp_path):
    """
    A hundred thousand calls over a few connections, without one error.
    """
    require(shutil.which("h2load"), "apt-get install --no-install-recommends nghttp2-client")
    import shop_pb2

    note = shop_pb2.Note(text="hello").SerializeToString()
    body = tmp_path / "body"
    body.write_bytes(b"\0" + len(note).to_bytes(4, "big") + note)
    with Module(
        "tests.interop.shop_server", shop_folder, "server.listen=tcp:127.0.0.1:0"
    ) as server:
        url = f"http://{address_in(server.line())}/shop.Shop/Echo"
        done = subprocess.run(
            [
                *("h2load", f"-n{REQUESTS}", "-c8", "-m32", f"-d{body}"),
                *("-Hcontent-type: application/grpc", "-Hte: trailers", url),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    succeeded = f"{REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout"
    assert succeeded in done.stdout, done.stdout
    data = re.search(r"\((\d+)\) data", done.stdout)
    assert REQUESTS * len(body.read_bytes()) == int(data[1]), done.stdout
