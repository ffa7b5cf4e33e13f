"""
The commands of the page about security, as a reader runs them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.real.commands import COMMAND, LIMIT_S, Running, environment, rpcfw
from tests.requirements import require

#: The files of the client.
MINE = {"ca": "ca.pem", "certificate": "web.pem", "key": "web-key.pem"}
PAGE = (ROOT / "docs" / "security.md").read_text()


def commands(title: str = "Step by step") -> list[str]:
    """
    Return the blocks of commands of a part of the page.
    """
    part = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?ms)^```sh\n(.*?)^```$", part)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """
    Where the commands that make the files were run, with the configuration beside the files.
    """
    require(shutil.which("openssl"), "apt-get install openssl")
    folder = tmp_path_factory.mktemp("security")
    for name in ("security.ini", "registry.ini"):
        shutil.copy(ROOT / "conf" / name, folder)
    (folder / "rpcfw").write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    (folder / "rpcfw").chmod(0o700)
    making = [text for text in commands() if "rpcfw call" not in text]
    shell(folder, "\n".join(making))
    return folder


def shell(folder: Path, text: str) -> str:
    """
    Run commands until one fails, and return their output.
    """
    paths = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=folder,
        env=environment(PATH=paths),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def provider(folder):
    """
    The address of the provider of the page, at any port.
    """
    python_path = f"app.python_path={ROOT / 'examples' / 'greeter'}"
    sets = ("--set", python_path, "--set", "server.listen=tls:127.0.0.1:0")
    ini = folder / "security.ini"
    with Running("serve", "-c", ini, "--log-level", "error", *sets) as running:
        match = re.search(r"tls:127\.0\.0\.1:\d+", running.line())
        assert match is not None
        yield match[0]


@pytest.mark.parametrize("name", ["security.ini", "registry.ini"])
def test_the_configuration(folder, name):
    """
    The files in conf/ are right once the files are there that the commands make.
    """
    done = rpcfw(
        "config",
        "check",
        "-c",
        folder / name,
        "--set",
        f"app.python_path={ROOT / 'examples' / 'greeter'}",
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert (folder / "keys").read_text().split()[2] not in done.stdout + done.stderr


def test_the_calls(folder, provider):
    """
    The client of the page may call say; with the key of admin, everything.
    """
    say, count = (text for text in commands() if "rpcfw call" in text)
    address = "tls:127.0.0.1:2200"
    variables = say.partition("\n")[0]

    assert "hello bob" in shell(folder, say.replace(address, provider))
    both = f"{variables}\n{count.replace(address, provider)}"
    assert ["1", "2", "3"] == shell(folder, both).split()


def test_what_is_refused(folder, provider):
    """
    A client without a certificate is not let in, and one with it may call nothing but say.
    """
    mine = [f"tls.{name}={folder / file}" for name, file in MINE.items()]
    call = ("call", "--address", provider)
    sets = [word for each in mine for word in ("--set", each)]

    stranger = rpcfw(*call, *sets[:2], "demo.Greeter/say", '{"name": "bob"}')
    assert "UNAVAILABLE" in stranger.stderr
    denied = rpcfw(*call, *sets, "demo.Greeter/count", '{"to": 3}')
    assert "PERMISSION_DENIED: this caller may not call demo.Greeter/count" in denied.stderr
    line = json.loads((folder / "audit.log").read_text().splitlines()[-1])
    assert ["spiffe://example.org/shop/web"] == line["identity"]
    assert "no rule allows it" == line["reason"]


@pytest.fixture(scope="module")
def registry(folder):
    """
    The address of the registry server of the page, at any port.
    """
    listen = ("--listen", "tls:127.0.0.1:0", "--log-level", "error")
    with Running("registry", "-c", folder / "registry.ini", *listen) as running:
        match = re.search(r"tls:127\.0\.0\.1:\d+", running.line())
        assert match is not None
        yield match[0]


def test_the_registry_server(folder, registry):
    """
    The provider of the page may announce, its client may look, and admin may change rules.
    """
    _, serve, ls, put = (
        text.replace("tls:127.0.0.1:2210", registry).replace("../examples", f"{ROOT}/examples")
        for text in commands("The registry server")
    )
    variables = "\n".join(serve.splitlines()[:2])
    words = shlex.split(shell(folder, f"{variables}\necho {serve.splitlines()[2]}"))
    with Running(*words[1:], "--log-level", "error", folder=folder) as provider:
        assert "demo.Greeter" in provider.line()
        assert "demo.Greeter" in shell(folder, f"{variables}\n{ls}")
        assert "demo.Greeter" in shell(folder, f"{variables}\n{put}")
    unsigned = f"{variables}\n{put.partition(' --set credentials')[0]}"
    refused = shell(folder, f"{unsigned} 2>&1 || true")
    assert "this caller may not change the rules of service demo.Greeter" in refused
    lines = [json.loads(line) for line in (folder / "registry.log").read_text().splitlines()]
    web = "spiffe://example.org/shop/web"
    assert {
        ("announce", (web,), False),
        ("change_rules", (web, "hmac:admin"), False),
        ("change_rules", (web,), True),
    } <= {(line["action"], tuple(line.get("identity", ())), "refused" in line) for line in lines}
