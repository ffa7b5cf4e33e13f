"""
What mypy and pyright say of programs that call services.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.requirements import require

PROGRAMS = sorted(Path(__file__).parent.glob("calls/*.py"))
LIMIT_S = 300
INSTALL = "pip install mypy 'pyright[nodejs]'"

#: (file, line, a type that is revealed or the rule that is broken).
Remark = tuple[str, int, str]

_REVEALS = re.compile(r"# reveals: (.+)$")
_WRONG = re.compile(r"# wrong: ([a-z-]+), (\w+)$")
_MYPY = re.compile(r"([^:]+):(\d+): (error|note): (.*)$")
_RULE = re.compile(r"\[([a-z-]+)\]$")


def expected(checker: int) -> set[Remark]:
    """
    Return what the comments in the programs ask of a checker, 0 for mypy, 1 for pyright.
    """
    found: set[Remark] = set()
    for path in PROGRAMS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if revealed := _REVEALS.search(line):
                found.add((path.name, number, revealed[1]))
            if wrong := _WRONG.search(line):
                found.add((path.name, number, wrong[1 + checker]))
    return found


def run(*command: str) -> str:
    """
    Return what a checker prints.
    """
    environ = os.environ | {"MYPYPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    return ended.stdout


def bare(revealed: str) -> str:
    """
    Return a type without the modules of its names.
    """
    return re.sub(r"[\w.]+\.(?=\w)", "", revealed)


def mypy(folder: Path) -> set[Remark]:
    """
    Return what ``mypy --strict`` says of the programs.
    """
    settings = folder / "mypy.ini"
    settings.write_text(
        "[mypy]\nstrict = True\nnamespace_packages = True\nexplicit_package_bases = True\n"
        "follow_imports = silent\n"
    )
    where = ["--config-file", str(settings), "--cache-dir", str(folder / "cache")]
    names = [str(path.relative_to(ROOT)) for path in PROGRAMS]
    found: set[Remark] = set()
    for line in run("mypy", *where, *names).splitlines():
        remark = _MYPY.match(line)
        if remark is None:
            continue
        file, number, kind, text = remark.groups()
        revealed = re.search(r'Revealed type is "(.*)"', text)
        rule = _RULE.search(text)
        if revealed:
            found.add((Path(file).name, int(number), bare(revealed[1])))
        elif kind == "error":
            found.add((Path(file).name, int(number), rule[1] if rule else text))
    return found


def pyright(folder: Path) -> set[Remark]:
    """
    Return what pyright says of them, also of what it does not know.
    """
    settings = folder / "pyrightconfig.json"
    settings.write_text(
        json.dumps(
            {
                "include": [os.path.relpath(path, folder) for path in PROGRAMS],
                "extraPaths": [str(ROOT), str(ROOT / "plugins")],
                "typeCheckingMode": "standard",
                # What protoc writes is here as a .pyi alone.
                "reportMissingModuleSource": "none",
                "reportUnknownArgumentType": "error",
                "reportUnknownVariableType": "error",
            }
        )
    )
    printed = run("pyright", "--outputjson", "-p", str(settings), "--pythonpath", sys.executable)
    found: set[Remark] = set()
    for said in json.loads(printed)["generalDiagnostics"]:
        line = said["range"]["start"]["line"] + 1
        revealed = re.match(r'Type of ".*" is "(.*)"$', said["message"], re.DOTALL)
        what = bare(revealed[1]) if revealed else said.get("rule", said["message"])
        found.add((Path(said["file"]).name, line, what))
    return found


@pytest.mark.parametrize(("number", "checker"), [(0, mypy), (1, pyright)])
def test_checkers_see_what_a_call_takes_and_returns(
    number: int, checker: Callable[[Path], set[Remark]], tmp_path
):
    """
    A checker finds each mistake, each type, and nothing else.

    In plain classes and written stubs, for coroutines and threads, with options.
    """
    require(find_spec(checker.__name__), INSTALL)

    assert sorted(expected(number)) == sorted(checker(tmp_path))
