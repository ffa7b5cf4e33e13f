"""
``python -m tests.interop.grpc_testclient --test_case NAME``: one case against a server.

Exits with 0 if the server did as it should. ``--test_case all`` makes every one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rpcfw import Application
from tests.interop.grpc_cases import CASES
from tests.interop.grpc_schema import SERVICE
from tests.interop.grpc_testserver import flag
from tests.interop.noting_gzip import SETS

__all__ = ["main"]


def _sets(given):
    scheme = "tls" if given.use_tls else "tcp"
    where = f"{scheme}:{given.server_host}:{given.server_port} protocols=grpc"
    yield from SETS
    yield "registry.plugin=static"
    yield "client.protocols=grpc"
    yield f"registry.instances={SERVICE} = {where}\n    grpc.testing.UnimplementedService = {where}"
    if given.ca_file is not None:
        yield f"tls.ca={given.ca_file}"
    if given.server_host_override:
        yield f"tls.server_name={given.server_host_override}"


def main():
    """
    Make the calls of one case.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server_host", default="127.0.0.1")
    parser.add_argument("--server_host_override", default="")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--test_case", choices=[*CASES, "all"], required=True)
    flag(parser, "--use_tls", "speak TLS")
    flag(parser, "--use_test_ca", "taken and not needed: see --ca_file")
    parser.add_argument("--ca_file", type=Path, help="with TLS: whom to trust")
    given = parser.parse_args()
    application = Application.from_ini(sets=list(_sets(given)))
    names = CASES if given.test_case == "all" else [given.test_case]
    failed = []

    async def make():
        for name in names:
            try:
                await CASES[name](application)
            except Exception as error:  # noqa: BLE001 - it is told
                failed.append(name)
                sys.stderr.write(f"{name}: {type(error).__name__}: {error}\n")
            else:
                sys.stdout.write(f"{name}: passed\n")

    application.run(make)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
