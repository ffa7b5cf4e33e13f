"""
Commands that wait until a provider has left the registry, or is back.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rpcfw.cli.rules.registered import until_listed
from rpcfw.errors import RegistryError
from rpcfw.values.rule import service_scope
from tests.lab.services import Greeter


def session(lab):
    application = lab.consumer().application
    return SimpleNamespace(
        application=application, timeout_s=4.0, scope=service_scope("demo.Greeter")
    )


def test_it_waits(lab):
    """
    It returns when the registry lists the instance, or no longer does.
    """
    waiting = lab.begin(until_listed(True, session(lab), {"memory:a"}))
    lab.advance(1)
    assert not waiting.done
    process = lab.serve(Greeter("a"), name="a")
    lab.advance(0.1)
    assert waiting.done
    waiting = lab.begin(until_listed(False, session(lab), {"memory:a"}))
    lab.advance(1)
    assert not waiting.done
    lab.stop(process)
    lab.advance(0.1)
    assert waiting.done


@pytest.mark.parametrize(
    ("listed", "told"),
    [(False, "after 4 s it is still in the registry"), (True, "after 4 s it is not in the")],
)
def test_it_has_a_limit(lab, listed, told):
    """
    A provider that follows no rules, or does not run, is reported; the rule is stored.
    """
    if not listed:
        lab.serve(Greeter("a"), name="a")
    with pytest.raises(RegistryError, match=f"the rule is stored, but {told}"):
        lab.run(until_listed(listed, session(lab), {"memory:a"}))
