"""
A consumer of the greeter, in all four shapes, from plain code that blocks.

Run it beside a registry server and a provider::

    rpcfw registry
    rpcfw serve -c conf/provider.ini
    python examples/greeter/consumer.py
"""

from __future__ import annotations

from pathlib import Path

from service import Greeter

import rpcfw

CONFIGURATION = Path(__file__).parents[2] / "conf" / "consumer.ini"


def main() -> None:
    """
    Call each method once.
    """
    with rpcfw.blocking(CONFIGURATION) as app:
        greeter = app.client(Greeter)
        print(greeter.say("bob", timeout="1s"))
        print(*greeter.count(3))
        print(greeter.total([1, 2, 3]))
        print(*greeter.chat(["one", "two"]), sep="; ")


if __name__ == "__main__":
    main()
