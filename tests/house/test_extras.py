"""
Extras are optional: what is installed without them serves and calls.
"""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

#: What `pip install rpcfw` alone does not install: the packages of our extras.
EXTRAS = (
    "argon2",
    "cryptography",
    "google",
    "grpc",
    "grpc_tools",
    "hpack",
    "jinja2",
    "jwt",
    "kazoo",
    "opentelemetry",
    "OpenSSL",
    "prometheus_client",
    "service_identity",
    "uvloop",
    "yaml",
    "zstandard",
)

PROGRAM = dedent(
    """
    import sys

    sys.modules.update(dict.fromkeys(sys.argv[1:]))  # to import one of them fails

    import rpcfw
    import rpcfw.cli.main

    class Greeter(rpcfw.Service, name="demo.Greeter"):
        @rpcfw.method
        async def say(self, name: str) -> str:
            return f"hello {name}"

    sets = ["registry.plugin=memory", "server.listen=tcp:127.0.0.1:0"]
    app = rpcfw.Application.from_ini(sets=sets, environ={}, services=[Greeter()])

    async def main() -> None:
        print(await app.client(Greeter).say("bob"))

    app.run(main)
    """
)


def test_calls_without_extras():
    """
    A program without the packages of the extras serves, calls and stops.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *EXTRAS],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (0, "hello bob\n") == (done.returncode, done.stdout), done.stderr
