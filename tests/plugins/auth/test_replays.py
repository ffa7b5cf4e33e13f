"""
Signatures that were seen.
"""

from __future__ import annotations

from rpcfw_auth.replays import Replays, Verdict

CODES = [bytes([number]) * 16 for number in range(10)]


def test_once():
    """
    A code is new once, whatever came in between.
    """
    replays = Replays()
    assert [Verdict.NEW] * 10 == [replays.note(code, 100, 70, 100) for code in CODES]
    assert [Verdict.SEEN] * 10 == [replays.note(code, 100, 100, 100) for code in CODES]


def test_old_ones_are_forgotten():
    """
    What is too old takes no memory, and what was forgotten is not new again.
    """
    replays = Replays()
    for second in range(1000):
        assert Verdict.NEW is replays.note(CODES[0], second + 1, second - 29, 100)
    assert len(replays) <= 32
    assert Verdict.SEEN is replays.note(CODES[1], 900, 970, 100)


def test_full():
    """
    Above the limit nothing is new, and nothing that was seen is forgotten.
    """
    replays = Replays()
    for code in CODES[:3]:
        replays.note(code, 100, 70, 3)
    assert Verdict.FULL is replays.note(CODES[3], 100, 70, 3)
    assert Verdict.SEEN is replays.note(CODES[0], 100, 70, 3)
    assert Verdict.FULL is replays.note(CODES[4], 101, 71, 3)
    assert Verdict.NEW is replays.note(CODES[5], 102, 102, 3)


def test_a_clock_that_jumps():
    """
    After a jump forward and back, what may have been forgotten is refused; not after a long one.
    """
    replays = Replays()
    assert Verdict.NEW is replays.note(CODES[0], 1000, 970, 100)
    assert Verdict.NEW is replays.note(CODES[1], 1100, 1070, 100)
    assert Verdict.SEEN is replays.note(CODES[0], 1000, 970, 100)
    assert Verdict.NEW is replays.note(CODES[2], 1_000_000, 999_970, 100)
    assert Verdict.NEW is replays.note(CODES[3], 1200, 1170, 100)
