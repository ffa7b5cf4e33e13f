"""
``python -m tests.interop.grpc_testclient --test_case NAME``: one case against a server.

Exits with 0 if the server did as it should. ``--test_case all`` makes every one but the
soaks. There are no cases of what rpcfw has no word for: credentials of Google's cloud,
ALTS, ORCA, and calls by GET (cacheable_unary).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from rpcfw import Application
from tests.interop.grpc_cases import CASES
from tests.interop.grpc_schema import SERVICE
from tests.interop.grpc_soaks import SOAKS, add_flags
from tests.interop.grpc_testserver import flag
from tests.interop.noting_gzip import SETS

__all__ = ["main"]


def _sets(given, folder):
    scheme = "tls" if given.use_tls else "tcp"
    host = f"[{given.server_host}]" if ":" in given.server_host else given.server_host
    where = f"{scheme}:{host}:{given.server_port} protocols=grpc"
    yield from SETS
    yield "registry.plugin=static"
    yield "client.protocols=grpc"
    yield f"registry.instances={SERVICE} = {where}\n    grpc.testing.UnimplementedService = {where}"
    if given.ca_file is not None:
        yield f"tls.ca={given.ca_file}"
    if given.server_host_override:
        yield f"tls.server_name={given.server_host_override}"
    if given.service_config_json:
        file = folder / "service_config.json"
        file.write_text(given.service_config_json, "utf-8")
        yield f"client.service_config={file}"


def _given():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server_host", default="127.0.0.1")
    parser.add_argument("--server_host_override", default="", help="with TLS: its name there")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--test_case", choices=[*CASES, *SOAKS, "all"], required=True)
    flag(parser, "--use_tls", "speak TLS")
    flag(parser, "--use_test_ca", "trust the authority that --ca_file names: none is built in")
    parser.add_argument("--ca_file", type=Path, help="with TLS: whom to trust; else the system's")
    parser.add_argument("--service_config_json", default="", help="gRPC's service config")
    for name in ("default_service_account", "oauth_scope", "service_account_key_file"):
        parser.add_argument(f"--{name}", help="taken, for cases that are not here")
    add_flags(parser)
    given = parser.parse_args()
    if given.use_tls and given.use_test_ca and given.ca_file is None:
        parser.error("--use_test_ca needs --ca_file: the authority's certificate, as PEM")
    return given


def main():
    """
    Make the calls of one case.
    """
    given = _given()
    with tempfile.TemporaryDirectory() as folder:
        return _made(given, list(_sets(given, Path(folder))))


def _made(given, sets):
    new = partial(Application.from_ini, sets=sets)
    application = new()
    cases = dict(CASES)
    for name, soak in SOAKS.items():
        cases[name] = partial(soak, given=given, new=new)
    names = CASES if given.test_case == "all" else [given.test_case]
    failed = []

    async def make():
        for name in names:
            try:
                await cases[name](application)
            except Exception as error:  # noqa: BLE001 - it is told
                failed.append(name)
                sys.stderr.write(f"{name}: {type(error).__name__}: {error}\n")
            else:
                sys.stdout.write(f"{name}: passed\n")

    application.run(make)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
