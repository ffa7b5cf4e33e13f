"""
Where an application has its rules.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.app.reactors import random_source
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources


def application(*sets):
    return Application(read_plan(Sources.load(sets=sets)), Clock(), random_source())


@pytest.mark.parametrize("plugin", ["memory", "standalone", "etcd", "zookeeper"])
def test_rules_are_where_the_registry_is(plugin):
    """
    Without a section the registry's own rules are used, on its own connection.
    """
    made = application(f"registry.plugin={plugin}")
    assert made.registry.rules() is made.rules


def test_a_registry_without_rules():
    """
    Some registries keep none.
    """
    assert application("registry.plugin=static", "registry.instances=").rules is None


def test_rules_may_be_elsewhere(tmp_path):
    """
    A section chooses another place, with options of its own.
    """
    made = application("registry.plugin=memory", "rules.plugin=file", f"rules.folder={tmp_path}")
    assert "file" == str(made.rules)
    for plugin in "etcd", "zookeeper", "standalone":
        made = application("registry.plugin=memory", f"rules.plugin={plugin}")
        assert str(made.rules).startswith(plugin)


def test_rules_may_be_nowhere():
    """
    A process may follow none.
    """
    assert application("registry.plugin=memory", "rules.plugin=none").rules is None


def test_mistakes_are_found():
    """
    An unknown place and an unknown option are mistakes, with the nearest known name.
    """
    with pytest.raises(SettingsError, match="did you mean 'etcd'"):
        application("rules.plugin=ectd")
    with pytest.raises(SettingsError, match="did you mean 'address'"):
        application("rules.plugin=etcd", "rules.adress=x")
