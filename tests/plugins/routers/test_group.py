"""
Business groups and versions.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.group import GroupRouter

GIVEN = [
    candidate("pay1", group="pay", version="1.0"),
    candidate("pay2", group="pay", version="2.0"),
    candidate("spare1", group="spare", version="1.0"),
    candidate("spare2", group="spare", version="2.0"),
    candidate("other"),
]
DOWN = [
    candidate("pay1", group="pay", version="1.0", reachable=False),
    candidate("pay2", 0, group="pay", version="2.0"),
]


def router(**options: str) -> GroupRouter:
    return GroupRouter(options_of(GroupRouter.Options, **options), plugin_context())


def routed(given=GIVEN, **options: str) -> list[str]:
    """
    Return the ids of those that are left.
    """
    return [one.instance.id for one in router(**options).narrow(a_call(), given)]


class TestGroupContract(RouterContract):
    def make(self):
        return router(groups="pay, spare", versions="1.*", min_instances="2")


class TestLooseGroupContract(RouterContract):
    def make(self):
        return router(groups="nobody", force="no")


def test_one_group():
    """
    A consumer that names a group is isolated to it, one that names a version to that.
    """
    assert ["pay1", "pay2"] == routed(groups="pay")
    assert ["pay2", "spare2"] == routed(versions="2.*")
    assert ["pay2"] == routed(groups="pay", versions="2.*")


def test_a_backup_takes_over():
    """
    The next group gets the calls while fewer instances than asked for can take them.
    """
    assert ["pay1", "pay2"] == routed(groups="pay, spare")
    assert ["pay1", "pay2"] == routed(groups="pay, spare", min_instances="2")
    assert ["spare1", "spare2"] == routed([*DOWN, *GIVEN[2:]], groups="pay, spare")
    assert ["spare1", "spare2"] == routed(
        [*GIVEN[1:], candidate("s", group="spare", weight=0)][:3],
        groups="pay, spare",
        min_instances="2",
    )


def test_versions_before_groups():
    """
    All versions of a group are tried before the next group.
    """
    assert ["pay1"] == routed(groups="pay, spare", versions="3.*, 1.*")
    assert ["spare2"] == routed([GIVEN[0], *GIVEN[2:]], groups="pay, spare", versions="2.*")


def test_none_has_enough():
    """
    If no group has enough instances, all that are named help together.
    """
    assert ["pay1", "pay2", "spare1", "spare2"] == routed(groups="pay, spare", min_instances="3")
    assert ["pay1", "pay2"] == routed(DOWN, groups="pay, spare")


def test_nobody_there():
    """
    If no group has an instance the call fails, unless ``force`` is off.
    """
    assert [] == routed(groups="nobody")
    assert 5 == len(routed(groups="nobody", force="no"))
    assert ["pay1", "pay2"] == routed(groups="pay", force="no")


@pytest.mark.parametrize(
    ("options", "reason"),
    [({}, "at least one group"), ({"groups": "a", "min_instances": "0"}, "at least 1, not 0")],
)
def test_mistakes(options, reason):
    """
    Options that isolate nobody are refused.
    """
    with pytest.raises(SettingsError, match=reason):
        router(**options)
