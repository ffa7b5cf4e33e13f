"""
The pages about one subject each: every file that they show is run or checked.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from textwrap import dedent

import pytest

from rpcfw.cli.main import main
from tests.house.tree import ROOT
from tests.real.commands import LIMIT_S, environment
from tests.real.documents import DOCUMENTS, files_of

PAGES = [
    "asyncio",
    "data-types",
    "errors",
    "hessian",
    "installation",
    "plugins",
    "testing",
    "troubleshooting",
]

BLOCK = re.compile(r"(?m)^```(?:python|ini)$")

#: A block in any document, be it in a list.
ANY_BLOCK = re.compile(r"(?ms)^ *```(python|ini)\n(.*?)^ *```")

#: What a block of a document may lack that is not run: the user's modules, files and packages.
LACKS = re.compile(
    r"there is no module|there is no folder|No such file or directory|needs: pip install|"
    r"needs? the extra"
)

#: Checks each file as `rpcfw config check` does, in one process: a process each is slow.
#: Without the folder that Python adds by itself, which the command does not have.
CHECK = """
import sys
sys.path.remove("")
from rpcfw.cli.main import main
for name in sys.argv[1:]:
    if code := main(["config", "check", "-c", name]):
        sys.exit(f"{name} is wrong")
"""


@pytest.fixture(scope="module", params=PAGES)
def page(request, tmp_path_factory):
    """
    The name of a page, and a folder with its files.
    """
    folder = tmp_path_factory.mktemp(request.param)
    for name, text in files_of(f"docs/{request.param}.md").items():
        (folder / name).write_text(text)
    return request.param, folder


def run(folder, *arguments: object) -> None:
    """
    Run Python to its end, which has to be a good one.
    """
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_every_block_is_a_file(page):
    """
    What a page shows of Python and INI are whole files with names, so that they can be run.
    """
    name, folder = page
    text = (ROOT / "docs" / f"{name}.md").read_text()

    assert len(list(folder.iterdir())) == len(BLOCK.findall(text))


def test_its_tests_pass(page):
    """
    The tests that a page shows pass as they stand there.
    """
    _, folder = page
    tests = sorted(folder.glob("test_*.py"))
    if tests:
        run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_its_configuration_is_right(page):
    """
    `rpcfw config check` accepts each INI file of a page.
    """
    _, folder = page
    files = sorted(folder.glob("*.ini"))
    if files:
        run(folder, "-c", CHECK, *files)


def test_the_lab_runs_under_trial(tmp_path):
    """
    The page on tests has a test case for trial, and trial finds and passes it.
    """
    for name, text in files_of("docs/testing.md").items():
        (tmp_path / name).write_text(text)

    run(tmp_path, "-m", "twisted.trial", "test_trial")


def blocks_of(document, language):
    """
    Return the text of each block in a language.
    """
    found = ANY_BLOCK.findall(document.read_text())
    return [dedent(text) for kind, text in found if kind == language]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_documents_set_can_be_set(document, tmp_path, capsys, monkeypatch):
    """
    Sections, options and values in the blocks of every document are right.
    """
    monkeypatch.setattr("sys.path", [*sys.path])
    file = tmp_path / "shown.ini"
    for text in blocks_of(document, "ini"):
        file.write_text(text)
        main(["config", "check", "-c", str(file)])
    told = capsys.readouterr()
    mistakes = re.findall(rf"(?m)^{re.escape(str(file))}:\d.*", told.out + told.err)

    assert [] == [mistake for mistake in mistakes if not LACKS.search(mistake)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_of_documents_is_python(document):
    """
    The blocks of every document can be read by Python; those of pages are run besides.
    """
    for text in blocks_of(document, "python"):
        ast.parse(text)
