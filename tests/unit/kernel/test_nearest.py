"""
What is said of unknown names.
"""

from __future__ import annotations

import pytest

from rpcfw.kernel.nearest import suggestion


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("timeuot", ["timeout", "retries"], "did you mean 'timeout'? known: retries, timeout"),
        ("attempts", ["ATTEMPTS"], "did you mean 'ATTEMPTS'? known: ATTEMPTS"),
        ("x", ["timeout"], "known: timeout"),
        ("x", [], "none is known here"),
    ],
)
def test_the_nearest_name_and_all_names(name, known, said):
    """
    A near name is asked for, all are listed, none is said if there is none.
    """
    assert said == suggestion(name, known)
