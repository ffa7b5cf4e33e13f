"""
What a user gets: run by the Python of an environment that holds the wheel alone.

Not a test of pytest's, since the environment holds none.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

BIN = Path(sys.executable).parent

#: What must answer in an environment that holds the wheel alone, and with what.
COMMANDS = (
    (("rpcfw", "--help"), "serve"),
    (("rpcfw", "plugins"), "weighted_random"),
    (("twist", "--help"), "rpcfw"),
    (("rpcfw", "demo"), "no call was lost"),
)


def check_entry_points() -> None:
    """
    Load everything that the wheel declares.
    """
    declared = distribution("rpcfw").entry_points
    for one in declared:
        print(f"{one.group}: {one.name} = {one.value}")
        assert callable(one.load())
    assert {"json", "raw"} <= {one.name for one in declared if one.group == "rpcfw.codecs"}


def check_place() -> None:
    """
    See that it is the wheel which is looked at, with its types.
    """
    import rpcfw

    place = Path(rpcfw.__file__).parent
    assert "site-packages" in place.parts, place
    assert (place / "py.typed").exists()


def check_commands() -> None:
    """
    Run the commands as a user would.
    """
    for command, expected in COMMANDS:
        print("$", *command, flush=True)
        done = subprocess.run(
            [BIN / command[0], *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        assert expected in done.stdout, done.stdout + done.stderr


if __name__ == "__main__":
    check_place()
    check_entry_points()
    check_commands()
