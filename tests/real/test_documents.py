"""
What README and the tutorial show, run as it stands there: every file, command and output.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.real.commands import LIMIT_S, Running, environment, registry
from tests.real.documents import (
    ANCHOR,
    DOCUMENTS,
    LINK,
    Block,
    blocks_of,
    files_of,
    headings_of,
    installs,
)

SHOWN = ["README.md", "docs/tutorial.md"]


class Shown:
    """
    A document, followed by somebody who does as it says, in a folder of their own.

    Args:
        document: its path in the tree.
        folder: an empty one.
    """

    def __init__(self, document: str, folder: Path) -> None:
        self.blocks = blocks_of(document)
        self.files = {block.name: block.text for block in self.blocks if block.name}
        self.folder = folder
        self._running = ExitStack()
        node, self._node_at = registry()
        self._running.enter_context(node)
        for name, text in self.files.items():
            (folder / name).write_text(self._at_our_node(text))
        self._put_commands()

    def _at_our_node(self, text: str) -> str:
        return text.replace("127.0.0.1:2210", self._node_at)

    def _put_commands(self) -> None:
        """
        Make the commands of this tree those that a shell finds.
        """
        (self.folder / "bin").mkdir()
        modules = {"rpcfw": "rpcfw.cli.main", "protoc-gen-rpcfw": "rpcfw.codegen.protoc"}
        for command in ("rpcfw", "protoc-gen-rpcfw", "python"):
            module = f"-m {modules[command]}" if command in modules else ""
            file = self.folder / "bin" / command
            file.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            file.chmod(0o755)

    def follow(self, block: Block) -> str:
        """
        Give a block's commands to a shell; return what they print. Installs nothing.
        """
        return "".join(map(self._do, block.text.splitlines()))

    def _do(self, line: str) -> str:
        if installs(line) or line.startswith(("rpcfw registry", "rpcfw demo")):
            return ""  # the node is there; the demo has a test of its own
        if line.endswith("&"):
            words = line.removesuffix("&").split()[1:]
            words = [str(self.folder / each) if each in self.files else each for each in words]
            running = self._running.enter_context(Running(*words, "--log-level", "error"))
            assert running.line().startswith("serving ")
            return ""
        return self.run("sh", "-c", self._at_our_node(line))

    def run(self, *command: str) -> str:
        """
        Run a program in the folder; return what it prints.
        """
        around = environment()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**around, "PATH": f"{self.folder / 'bin'}:{around['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert (0, "") == (done.returncode, done.stderr), command
        return done.stdout

    def close(self) -> None:
        self._running.close()


@pytest.fixture(scope="module", params=SHOWN)
def shown(request, tmp_path_factory):
    """
    A document whose commands were followed, and what each block of them printed.
    """
    if request.param == "docs/tutorial.md" and find_spec("grpc_tools") is None:
        pytest.skip("pip install grpcio-tools")
    shown = Shown(request.param, tmp_path_factory.mktemp("shown"))
    try:
        shown.printed = [
            shown.follow(block) if block.kind == "sh" else "" for block in shown.blocks
        ]
        yield shown
    finally:
        shown.close()


STATES = "accepted\npacked\nsent\n"

PRINTED = {
    "consumer.py": "hello bob\n",
    "twisted_consumer.py": f"['ring', 'rope']\n{STATES}3\n",
    "asyncio_consumer.py": "[['ring'], ['rope']]\nONE\n['TWO']\n",
    "threads_consumer.py": "['rake', 'ring', 'rope']\naccepted packed sent\n"
    "INVALID_ARGUMENT an order needs items\n",
    "orders_consumer.py": "['ring', 'rope']\n",
}


def test_the_programs_run(shown):
    """
    Each consumer of a document does with its provider what it promises.
    """
    programs = [name for name in shown.files if name in PRINTED]

    assert programs
    assert {name: PRINTED[name] for name in programs} == {
        name: shown.run("python", name) for name in programs
    }


def test_the_commands_print_what_stands_below(shown):
    """
    Where a block of output follows one of commands, they print just that.
    """
    pairs = zip(shown.blocks, shown.blocks[1:], shown.printed, strict=False)

    assert [] == [
        (first.text, printed)
        for first, second, printed in pairs
        if second.kind == "" and second.text != printed
    ]


def test_every_block_is_run_or_checked(shown):
    """
    There is no kind of block that the tests pass over, and no program that is not run.
    """
    whole = {"python": shown.files, "proto": shown.files}
    for block in shown.blocks:
        if block.kind in whole:
            assert block.name, block.text
        else:
            assert block.kind in ("sh", "ini", ""), block.text
    imported = {"greeter.py", "shop.py", "orders.py", "dynamic_orders.py", "details_consumer.py"}
    programs = {name for name in shown.files if name.endswith(".py")}
    assert programs <= {*PRINTED, *imported}


def test_ini_files_are_right(shown):
    """
    Each INI file that is shown, also a part of one, passes the check.
    """
    for number, block in enumerate(shown.blocks):
        if block.kind != "ini":
            continue
        file = shown.folder / (block.name or f"part{number}.ini")
        if not block.name:
            if "zookeeper" in block.text and find_spec("kazoo") is None:
                continue
            file.write_text(block.text)
        assert "no mistakes" in shown.run("rpcfw", "config", "check", "-c", str(file))


def test_what_is_heard(shown):
    """
    The program that hears what came beside an answer prints who gave it, and what came.
    """
    for name in {"details_consumer.py"} & shown.files.keys():
        assert shown.run("python", name).endswith(" None None\n")


def test_services_that_are_not_run_can_be_served(shown):
    """
    What a document shows as another way to write a service is one that can be served.
    """
    for name in {"dynamic_orders.py"} & shown.files.keys():
        services = f"server.services={Path(name).stem}:Orders"
        check = ("rpcfw", "config", "check", "-c", "orders.ini", "--set", services)
        assert "orders.ini: no mistakes\n" == shown.run(*check)


@pytest.mark.parametrize("document", SHOWN)
def test_what_is_installed_exists(document):
    """
    An extra, an environment of tox and a package that a command names are those of setup.cfg.
    """
    commands = [line for block in blocks_of(document) if block.kind == "sh"
                for line in block.text.splitlines() if installs(line)]  # fmt: skip

    assert [] == [line for line in commands if not installs(line).exist()]


def test_the_readme_is_short():
    """
    A provider and a consumer of README have twenty lines each, at most.
    """
    files = files_of("README.md")

    for part in ("greeter.py", "provider.ini"), ("consumer.py", "consumer.ini"):
        assert sum(len(files[name].splitlines()) for name in part) <= 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    """
    What a document links to in this tree is there.
    """
    targets = LINK.findall(document.read_text())

    assert [] == [target for target in targets if not (document.parent / target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_into_documents_lead_to_headings(document):
    """
    A link to a place in a document is to a heading that is there.
    """
    wrong = []
    for target, anchor in ANCHOR.findall(document.read_text()):
        other = document.parent / target if target else document
        if anchor not in headings_of(other):
            wrong.append(f"{target}#{anchor}")

    assert [] == wrong


def test_the_example_runs():
    """
    The greeter's own consumer calls all four shapes.
    """
    node, node_at = registry()
    serve = ("serve", "-c", "conf/provider.ini", "--log-level", "error")
    with node, Running(*serve, RPCFW_REGISTRY__ADDRESS=node_at) as provider:
        assert provider.line().startswith("serving demo.Greeter")
        program = (ROOT / "examples/greeter/consumer.py").read_text()
        program = program.replace(
            "rpcfw.blocking(CONFIGURATION)",
            f"rpcfw.blocking(CONFIGURATION, sets=['registry.address={node_at}'])",
        ).replace("Path(__file__)", f"Path({str(ROOT)!r}, 'examples/greeter/consumer.py')")
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT / "examples" / "greeter",
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )

    printed = "hello bob\n1 2 3\n6\nyou said: one; you said: two\n"
    assert (0, printed, "") == (done.returncode, done.stdout, done.stderr)
