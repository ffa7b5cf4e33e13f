"""
What it costs a server to know who calls and to decide who may: against one that asks nobody.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64encode
from pathlib import Path

from benchmarks.chains import measure
from benchmarks.children import ChildError
from benchmarks.messages import generate
from benchmarks.plan import Plan
from benchmarks.rows import Row, cost_columns, rate_columns

__all__ = ["authentication"]

_ACCESS = (
    "server.insert=access after AUTH",
    "filter access.rules=deny host=10.0.0.0/8\nallow identity=*:*\nallow application=*",
)


def _chains(folder: Path) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """
    Return the settings of server and client by the name of the chain.
    """
    keys = folder / "keys"
    keys.write_text(f"key owner {b64encode(bytes(32)).decode()}\n")
    # A second of calls at any rate that is measured.
    verify = (
        "server.authenticators=hmac",
        f"authenticator hmac.secrets={keys}",
        "authenticator hmac.max_signatures=5000000",
    )
    sign = ("credentials.plugin=hmac", f"credentials.secrets={keys}")
    return {
        "nobody is asked": ((), ()),
        "rules": (_ACCESS, ()),
        "signed": (verify, sign),
        "signed, rules": ((*verify, *_ACCESS), sign),
    }


def authentication(plan: Plan) -> list[Row]:
    """
    Measure the chains.
    """
    if plan.servers and "rpcfw" not in plan.servers:
        return []
    try:
        with tempfile.TemporaryDirectory() as directory:
            generate(Path(directory))
            return [row for wire in ("native", "grpc") for row in _rows(plan, directory, wire)]
    except ChildError as error:
        sys.stderr.write(f"{error}\n")
        return []


def _rows(plan: Plan, modules: str, wire: str) -> list[Row]:
    found = measure(plan, modules, _chains(Path(modules)), wire)
    return [
        {"wire": wire, "server": name, **rate_columns(measured), **cost_columns(measured)}
        for name, measured in found.items()
    ]
