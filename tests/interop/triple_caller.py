"""
A program that calls the provider ``demo.Greeter``, and prints one line for each check.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue

import rpcfw
from tests.interop.triple_greeter import Greeter


def show(name: str, result: Any) -> None:
    """
    Print a result.
    """
    sys.stdout.write(f"CHECK\t{name}\t{result!r}\n")


def main(ini: str) -> None:
    """
    Make all checks.
    """
    with rpcfw.blocking(Path(ini)) as application:
        greeter = application.client(Greeter)
        show("greet", greeter.greet(StringValue(value="bob")).value)
        show("count", [each.value for each in greeter.count(StringValue(value="5"))])
        said = [StringValue(value=word) for word in ("one", "two")]
        show("chat", [each.value for each in greeter.chat(said)])


if __name__ == "__main__":
    main(sys.argv[1])
