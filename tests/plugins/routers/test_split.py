"""
Shares of the calls.
"""

from __future__ import annotations

from collections import Counter

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.split import SplitRouter, slots

OLD = [candidate(f"old{n}", version="1.4") for n in range(3)]
NEW = [candidate("new", version="2.0")]
OTHER = [candidate("other")]
ALL = [*OLD, *NEW, *OTHER]


def router(application="test", **options: str) -> SplitRouter:
    options = {"shares": "5% version=2.*, 95% version=1.*", "key": "argument id", **options}
    context = plugin_context(application=application)
    return SplitRouter(options_of(SplitRouter.Options, **options), context)


def call(id, **fields):
    return a_call(request={"id": id}, **fields)


def versions(router, call, given=ALL) -> set[str]:
    """
    Return the versions of those that are left.
    """
    return {one.instance.version for one in router.narrow(call, given)}


def chosen(router, keys=range(10_000)) -> set:
    """
    Return the keys whose calls go to version 2.
    """
    return {key for key in keys if versions(router, call(key)) == {"2.0"}}


class TestSplitContract(RouterContract):
    def make(self):
        return router(shares="30% version=2.*, 20% group=pay", key="metadata user")


class TestSplitByArgumentContract(RouterContract):
    def make(self):
        return router(shares="40% zone=west, 60% zone=east", force="yes")


def test_exactly_the_chosen_keys():
    """
    The keys of a share are those whose hash says so, as the page describes.
    """
    assert {key for key in range(10_000) if slots("")(str(key)) < 500} == chosen(router())


def test_the_hash_is_steady():
    """
    The slot of a key is the same in each release: it is a promise to whoever reads logs.
    """
    assert [2012, 8676, 4350] == [slots("")("7"), slots("x")("7"), slots("")("ü")]


def test_shares_are_as_large_as_asked():
    """
    Of ten thousand keys each share gets its percentage, within a tenth of it.
    """
    split = router(shares="10% version=2.*, 20% zone=none, 70% version=1.*")
    counts = Counter(split.key(call(key)) for key in range(10_000))

    assert counts[0] == pytest.approx(1_000, rel=0.1)
    assert counts[1] == pytest.approx(2_000, rel=0.1)
    assert counts[2] == pytest.approx(7_000, rel=0.1)


def test_a_share_that_grows_keeps_its_keys():
    """
    Whoever met the new version still meets it when its share grows.
    """
    grown = router(shares="20% version=2.*, 80% version=1.*")

    assert chosen(router()) < chosen(grown)


def test_another_salt_chooses_others():
    """
    Two splits with different salts do not try everything on the same keys.
    """
    both = chosen(router()) & chosen(router(salt="b"))

    assert len(both) < 60


def test_the_rest():
    """
    What is missing to 100 % goes to the instances that no share names.
    """
    split = router(shares="5% version=2.*")

    assert {"1.4", ""} == versions(split, call(3))
    assert {frozenset({"2.0"}), frozenset({"1.4", ""})} == {
        frozenset(versions(split, call(key))) for key in range(1_000)
    }


def test_calls_without_a_key():
    """
    A call without a key goes with the largest share.
    """
    assert {"1.4"} == versions(router(), a_call(request={}))
    assert {"2.0"} == versions(router(shares="5% version=1.*, 95% version=2.*"), a_call())


def test_keys_from_metadata_and_caller():
    """
    The key may be metadata or the calling application, which is this one.
    """
    by_user = router(key="metadata User")
    assert by_user.key(a_call(metadata={"user": "7"})) == router().key(call(7))

    by_caller = [router(key="caller", application=f"app{n}").key(a_call()) for n in range(500)]
    assert {0, 1} == set(by_caller)


def test_methods_that_are_not_split():
    """
    Only the methods that are named are split; others use all instances.
    """
    split = router(methods="get*, demo.Greeter/find")

    assert {"1.4", "2.0", ""} == versions(split, call(3, method="write"))
    assert {"1.4"} == versions(split, call(3, method="get_one"))
    assert {"1.4"} == versions(split, call(3, method="find"))


def test_a_share_without_instances():
    """
    Calls of a share that has no instance use all, or fail with ``force``.
    """
    key = min(chosen(router()))

    assert {"1.4"} == versions(router(), call(key), OLD)
    assert set() == versions(router(force="yes"), call(key), OLD)


def test_its_parts():
    """
    The parts are the shares and what is missing to 100 %, each with a key that is in it.
    """
    split = router(shares="0.01% version=2.*, 20% version=1.*")
    parts = split.parts(a_call().method)
    assert [0.0001, 0.2, 0.7999] == [part.share for part in parts]
    assert [{"2.0"}, {"1.4"}, {""}] == [versions(split, call(part.value)) for part in parts]


def test_what_has_no_parts():
    """
    Methods that are not split have none, and neither have the calls of one application.
    """
    assert () == router(methods="put*").parts(a_call(method="get").method)
    assert () == router(key="caller").parts(a_call().method)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"shares": ""}, "name at least one share"),
        ({"shares": "60% zone=a, 50% zone=b"}, "110% together, more than 100%"),
        ({"shares": "5%"}, "is no share of the calls"),
        ({"shares": "5 zone=a"}, "has no unit"),
        ({"shares": "0.001% zone=a"}, "too fine"),
        ({"shares": "5% zoen=a"}, "did you mean 'zone'"),
        ({"shares": "5% zone"}, "is no condition"),
        ({"key": "argument"}, "names no value of a call"),
        ({"key": "argument a b"}, "names no value of a call"),
        ({"key": "argument a..b"}, "is no path"),
    ],
)
def test_mistakes(options, reason):
    """
    Mistakes in the options are found, and the message says what was expected.
    """
    with pytest.raises(SettingsError, match=reason):
        router(**options)
