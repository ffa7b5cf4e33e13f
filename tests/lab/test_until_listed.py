"""
Commands that wait until a provider has left the registry, or is back.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rpcfw.app.rules.documents import INSTANCES
from rpcfw.cli.rules.registered import check_one_instance, until_listed
from rpcfw.errors import RegistryError, SettingsError
from rpcfw.values.rule import Author, service_scope
from tests.lab.services import Greeter

GREETER = service_scope("demo.Greeter")


def session(lab):
    application = lab.consumer().application
    return SimpleNamespace(
        application=application,
        rules=application.rules,
        timeout_s=4.0,
        scope=GREETER,
        within=lambda waiting: waiting,
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
    [
        (False, "the rule is stored, but after 4 s it is still in the registry"),
        (True, "no rule for memory:a keeps it offline, but after 4 s it is not in the registry"),
    ],
)
def test_it_has_a_limit(lab, listed, told):
    """
    A provider that follows no rules, or does not run, is reported.
    """
    if not listed:
        lab.serve(Greeter("a"), name="a")
    with pytest.raises(RegistryError, match=told):
        lab.run(until_listed(listed, session(lab), {"memory:a"}))


def test_another_name_of_the_instance(lab):
    """
    What is offline is in no list, so the names of the rules for it are shown.
    """
    asked = session(lab)
    body = "[instance a-1]\noffline = yes\n[instance b-2]\nweight = 3\n"
    lab.run(asked.rules.put(GREETER, INSTANCES, body, 0, Author("ann", "a new disk")))
    with pytest.raises(RegistryError, match=r"rules\? Rules keep offline: a-1$"):
        lab.run(until_listed(True, asked, {"memory:a"}))


@pytest.mark.parametrize("id", ["zone=north", "tag.disk=slow", "lane=gray"])
def test_several_instances_at_once(id):
    """
    They are refused, before anything is read or waited for.
    """
    check_one_instance("tcp:127.0.0.1:2201")
    with pytest.raises(SettingsError, match=f"ID '{id}': "):
        check_one_instance(id)
