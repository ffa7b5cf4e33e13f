"""
The command ``rpcfw`` before it knows what it is asked for.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from rpcfw.cli.main import COMMANDS, main


def ended(arguments, capsys):
    """
    Run it to its end; return exit code, output and errors.
    """
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    return code, *capsys.readouterr()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(arguments, capsys):
    """
    Asked for help, or for nothing, it lists the commands and says how to begin.
    """
    code, out, err = ended(arguments, capsys)

    assert (0, "") == (code, err)
    for name, (_, meaning) in COMMANDS.items():
        assert f"  {name:17}{meaning}\n" in out
    assert "Exit codes: 0" in out


def test_the_version(capsys):
    """
    The version is that of the installed distribution.
    """
    assert (0, f"rpcfw {version('rpcfw')}\n", "") == ended(["--version"], capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sevre"], "unknown command 'sevre'; did you mean 'serve'?"),
        (["--verbose"], "unrecognized arguments: --verbose"),
        (["sevre", "-c", "x.ini"], "unknown command 'sevre'; did you mean 'serve'?"),
    ],
)
def test_what_is_no_command(arguments, said, capsys):
    """
    A command that there is not is told with the nearest that there is.
    """
    code, out, err = ended(arguments, capsys)

    assert (2, "") == (code, out)
    assert said in err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name, capsys):
    """
    Every command says what it takes, under its own name.
    """
    code, out, err = ended([*name.split(), "--help"], capsys)

    assert (0, "") == (code, err)
    assert out.startswith(f"usage: rpcfw {name}")
    assert COMMANDS[name][1][1:] in out


def test_mistakes_are_lines_and_not_traces(capsys):
    """
    What a command raises of mistakes is written line by line, with the code for them.
    """
    code, out, err = ended(["plugins", "--group", "router"], capsys)

    assert (2, "") == (code, out)
    assert err.startswith("--group: unknown group 'router'")
    assert 1 == err.count("\n")


def test_help_is_there_at_once():
    """
    Neither help nor a mistake loads what only the commands need.
    """
    program = "import sys; from rpcfw.cli.main import main; main([]); "
    program += "print('twisted' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert "False" == done.stdout.splitlines()[-1]


def test_a_reader_that_has_gone():
    """
    Whoever reads no further, as ``head`` does, gets no complaint.
    """
    command = f"{sys.executable} -m rpcfw.cli.main config example | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "" == done.stderr
    assert 1 == done.stdout.count("\n")


def test_a_command_of_two_words(capsys, monkeypatch):
    """
    A name may have two words, and the first may be a command too.
    """
    monkeypatch.setitem(COMMANDS, "registry look", ("rpcfw.cli.ls", "look into it"))

    assert "usage: rpcfw registry look " in ended(["registry", "look", "--help"], capsys)[1]
    assert "usage: rpcfw registry [" in ended(["registry", "--help"], capsys)[1]
    assert 2 == ended(["registry", "lock"], capsys)[0]
