"""
Strings beside other values: where one ends does not depend on what follows.
"""

from __future__ import annotations

from itertools import product

import pytest

from rpcfw_hessian import HessianError, dumps, loads

#: Characters of one, two, three and six bytes.
CHARACTERS = "aé你😀"
#: Ints whose one byte looks like the continuation of a character.
INTS = [-16, 0, 3, 47, 46, 1, 0, 2, 4]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_small_ints_after_a_string(size):
    """
    They are not taken for a part of it.
    """
    for characters in product(CHARACTERS, repeat=size):
        values = ["".join(characters), *INTS]
        assert values == loads(dumps(values))
        assert values == loads(dumps(values), list[str | int])


def test_a_character_that_is_cut():
    """
    It is an error, also where it would have been the last one.
    """
    for text in ("你", "a你", "你你你", "é"):
        for rest in (b"", b"a" * 9):
            with pytest.raises(HessianError):
                loads(dumps(text)[:-1] + rest)
