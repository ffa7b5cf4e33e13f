"""
Ten consumers with a connection each, while real servers are lost and somebody writes nonsense.

``python -m tests.real.rule_fleet`` does this with more consumers, and prints the figures.
"""

from __future__ import annotations

import pytest

from rpcfw.values.rule import MAX_DOCUMENT_BYTES, RuleChange
from rpcfw_registries.rules.records import DocumentRecord, documents_to
from tests.real.commands import rpcfw
from tests.real.one_registry import REGISTRIES
from tests.real.rule_fleet.fleet import Fleet
from tests.real.rule_fleet.places import place_of
from tests.real.rule_fleet.words import SERVICE, document
from tests.requirements import require_etcd, require_zookeeper

#: Within this time a rule is to be in use everywhere.
IN_USE_S = 1.0
#: What the machine may need once a place is back.
BACK_S = 20.0

_NEEDS = {"etcd": require_etcd, "zookeeper": require_zookeeper, "standalone": lambda: None}


@pytest.fixture(scope="module", params=REGISTRIES)
def followed(request, tmp_path_factory):
    """
    A place of rules, and consumers that follow it.
    """
    _NEEDS[request.param]()
    with (
        place_of(request.param, tmp_path_factory.mktemp(request.param)) as (place, file),
        Fleet(file, processes=1, each=10) as fleet,
    ):
        yield place, file, fleet


def record(number, body):
    """
    Return a record of rules as somebody writes it by hand.
    """
    change = RuleChange(number + 1, "policies", "eve@there", 0.0, "", None, body)
    return documents_to(DocumentRecord(number).changed(change, f"{number:016}"))


def test_a_rule_is_in_use_everywhere_within_a_second(followed):
    """
    Every consumer uses what was put within a second, and puts it in use once.
    """
    _, _, fleet = followed
    put = []
    for number in (11, 12, 13):  # again if a busy neighbour made it slow
        put.append(float(number))
        fleet.put(number)
        used_s = fleet.until_used(number)[-1] - fleet.put_at()
        if used_s < IN_USE_S:
            break
    assert used_s < IN_USE_S
    assert [put] * fleet.size == fleet.used()


def test_nothing_is_lost_with_the_place(followed):
    """
    Without the place, or its quorum, the last rules hold; what is put afterwards comes once.
    """
    place, file, fleet = followed
    fleet.forget()
    place.lose()
    put = ("rule", "put", "policies", SERVICE, "-", "-c", file, "--timeout", "1s")
    done = rpcfw(*put, stdin=document(2))
    assert (1, "") == (done.returncode, done.stdout)
    place.come_back()
    place.forget_history()
    fleet.put(3)
    fleet.until_used(3, BACK_S)
    assert [[3.0]] * fleet.size == fleet.used()


BAD = {
    "a wrong schema": "max_atempts: unknown option; did you mean 'max_attempts'?",
    "an unknown router": "[client] routers:",
    "too large": f"policies is larger than {MAX_DOCUMENT_BYTES} bytes",
    "too deep": "not a record of rules",
}


def bad_record(what, number):
    if what == "too deep":
        return b"[" * 100_000
    bodies = {
        "a wrong schema": "[retry]\nmax_atempts = 2\n",
        "an unknown router": "[client]\nrouters = gray\n",
        "too large": "#" * (MAX_DOCUMENT_BYTES + 1),
    }
    return record(number, bodies[what])


def test_bad_documents_change_nothing(followed):
    """
    Forced in by hand, each is one log line of each consumer, and the last good one stays.
    """
    _, _, fleet = followed
    fleet.forget()
    for number, (what, words) in enumerate(BAD.items(), 100):
        fleet.force(bad_record(what, number))
        fleet.until_logged(words)
    assert not any(fleet.used())
    fleet.force(record(200, document(4)))
    fleet.until_used(4)
    assert [[4.0]] * fleet.size == fleet.used()
    lines = fleet.lines()
    for words in BAD.values():
        assert fleet.size == sum(words in line for line in lines)
    # And one that the last one is in use.
    assert len(lines) == fleet.size * (len(BAD) + 1)
