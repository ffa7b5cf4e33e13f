"""
What a registry server takes from those that watch.
"""

from __future__ import annotations

import msgspec
import pytest

from rpcfw.values.rule import SCOPE_KINDS
from rpcfw_registries.standalone.updates import RulesOf


def test_kinds():
    """
    Every kind of scope has rules, and nothing else has.
    """
    for kind in SCOPE_KINDS:
        of = RulesOf(kind, "demo.Greeter")
        assert of == msgspec.json.decode(msgspec.json.encode(of), type=RulesOf)
    for kind in ("", "method", "a service", "services", "service\n"):
        with pytest.raises(msgspec.ValidationError, match="kind"):
            msgspec.json.decode(msgspec.json.encode(RulesOf(kind, "demo.Greeter")), type=RulesOf)
