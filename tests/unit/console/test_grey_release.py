"""
Steps of a grey release in the text of a document.
"""

from __future__ import annotations

import pytest

from rpcfw.console.grey_release import Part, next_shares, parts_of, with_shares
from rpcfw.errors import SettingsError

OTHERS = """\
# ours
[retry]
max_attempts = 2

[router split]
# a comment
shares =
    5% version=2.*,
    95% version=1.*
key = argument id

[client]
timeout = 1s
"""


def test_only_the_shares_change():
    """
    Comments, other options and other sections stay as they are.
    """
    text = with_shares(OTHERS, "50% version=2.*, 50% version=1.*")
    assert "[router split]\nshares = 50% version=2.*, 50% version=1.*\n# a comment\nkey" in text
    assert text.startswith("# ours\n[retry]\nmax_attempts = 2\n")
    assert text.endswith("[client]\ntimeout = 1s\n")
    assert "95%" not in text
    assert [Part(50.0, "version=2.*"), Part(50.0, "version=1.*")] == parts_of(text)


@pytest.mark.parametrize(
    "shares",
    [
        "1.2.3% version=1",
        "% version=1",
        "1e3% version=1",
        f"1% a{' ' * 100_000}b",
        "5%",
        "1% a, " * 500,
    ],
)
def test_rules_of_others(shares):
    """
    What is no list of shares, whoever has stored it, shows none, and takes no time.
    """
    assert [] == parts_of(f"[router split]\nshares = {shares}\n")


def test_the_first_step():
    """
    A document that divides no calls gets the section.
    """
    assert "[router split]\nshares = 5% a=b\n" == with_shares("", "5% a=b")
    assert "[retry]\n\n[router split]\nshares = 5% a=b\n" == with_shares("[retry]\n", "5% a=b")


def test_the_end():
    """
    Without shares the section goes, and nothing else; of nothing else nothing is left.
    """
    text = with_shares(OTHERS, "")
    assert "split" not in text
    assert "[client]\ntimeout = 1s\n" in text
    assert "" == with_shares("[router split]\nshares = 5% a=b\n", "")
    assert "[retry]\n" == with_shares("[retry]\n", "")


def test_shares_of_a_step():
    """
    The new part is the first one, so that who has it keeps it when it grows.
    """
    assert "5% version=2.*, 95% version=1.*" == next_shares("version=2.*", "version=1.*", "5")
    assert "100% version=2.*" == next_shares("version=2.*", "version=1.*", "100")
    assert "100% version=1.*" == next_shares("version=2.*", "version=1.*", "0")
    assert "0.5% a=b, 99.5% c=d" == next_shares("a=b", "c=d", "0.5")


@pytest.mark.parametrize("percent", ["-1", "100.1", "nan", "inf", "five", ""])
def test_no_shares(percent):
    """
    What is no share is refused.
    """
    with pytest.raises(SettingsError, match="expected a share"):
        next_shares("a=b", "c=d", percent)


@pytest.mark.parametrize("criteria", ["", "a=b, 5% c=d", "a=b\n[client]", "a" * 201])
def test_no_criteria(criteria):
    """
    Criteria that would add a part, an option or a section are refused.
    """
    with pytest.raises(SettingsError, match="expected criteria"):
        next_shares(criteria, "c=d", "5")
