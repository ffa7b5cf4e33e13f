"""
What README and the tutorial show, run as it stands there.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.real.commands import LIMIT_S, Running, environment, registry

#: A file: its name in a paragraph of its own, and the fenced block behind it.
FILE = re.compile(r"(?ms)^`([\w.]+)`[^`\n]*:\n\n```(?:python|ini)\n(.*?)^```")
LINK = re.compile(r"\]\((?!http)([^)#]+)")

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def files_of(document: str) -> dict[str, str]:
    """
    Return the files that a document shows, by name.
    """
    found = FILE.findall((ROOT / document).read_text())
    assert len(found) == len(dict(found)), "two files of one name"
    return dict(found)


@pytest.fixture(scope="module", params=["README.md", "docs/tutorial.md"])
def shown(request, tmp_path_factory):
    """
    A document's name and a folder with its files, its provider running.
    """
    folder = tmp_path_factory.mktemp("shown")
    node, node_at = registry()
    for name, text in files_of(request.param).items():
        (folder / name).write_text(text.replace("127.0.0.1:2210", node_at))
    with node, Running("serve", "-c", folder / "provider.ini", "--log-level", "error") as provider:
        assert provider.line().startswith("serving demo.")
        yield request.param, folder


def run(folder, name: str) -> str:
    """
    Run a program of the document; return what it prints.
    """
    done = subprocess.run(
        [sys.executable, name],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


STATES = "accepted\npacked\nsent\n"

PRINTED = {
    "consumer.py": "hello bob\n",
    "twisted_consumer.py": f"['ring', 'rope']\n{STATES}3\n",
    "asyncio_consumer.py": "[['ring'], ['rope']]\nONE\n['TWO']\n",
    "threads_consumer.py": "['rake', 'ring', 'rope']\naccepted packed sent\n"
    "INVALID_ARGUMENT an order needs items\n",
}


def test_the_programs_run(shown):
    """
    Each consumer of a document does with its provider what it promises.
    """
    document, folder = shown
    programs = [name for name in files_of(document) if name.endswith("consumer.py")]

    assert programs
    assert {name: PRINTED[name] for name in programs} == {
        name: run(folder, name) for name in programs
    }


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
