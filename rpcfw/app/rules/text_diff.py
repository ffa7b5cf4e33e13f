"""
The difference between two texts, in a time that is bounded whatever is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from itertools import takewhile
from operator import eq

from rpcfw.printable import printable

__all__ = ["text_diff"]

#: About a tenth of a second.
_MAX_STEPS = 1_000_000


def text_diff(
    before: str,
    after: str,
    names: tuple[str, str],
    *,
    max_steps: int = _MAX_STEPS,
    max_chars: int | None = None,
) -> str:
    """
    Return the lines that differ; empty if none does.

    Args:
        names: of the texts.
        max_steps: of the search for lines that are in both. Of texts that take more, as those with
            many equal lines, all lines from the first that differs to the last are shown.
        max_chars: about how much is returned; None: all.
    """
    shown, chars = list[str](), 0
    for line in _lines(before.splitlines(), after.splitlines(), names, max_steps):
        if max_chars is not None and chars >= max_chars:
            break
        shown.append(f"{printable(line)}\n")
        chars += len(shown[-1])
    return "".join(shown)


def _lines(
    old: Sequence[str], new: Sequence[str], names: tuple[str, str], max_steps: int
) -> Iterator[str]:
    if _steps(old, new) <= max_steps:
        yield from unified_diff(old, new, *names, lineterm="")
        return
    same = _equal_lines(old, new)
    end = _equal_lines(old[same:][::-1], new[same:][::-1])
    removed, added = old[same : len(old) - end], new[same : len(new) - end]
    if not removed and not added:
        return
    yield f"--- {names[0]}"
    yield f"+++ {names[1]}"
    yield f"@@ -{same + 1},{len(removed)} +{same + 1},{len(added)} @@"
    yield from (f"-{line}" for line in removed)
    yield from (f"+{line}" for line in added)


def _equal_lines(old: Sequence[str], new: Sequence[str]) -> int:
    return sum(takewhile(bool, map(eq, old, new)))


def _steps(old: Sequence[str], new: Sequence[str]) -> int:
    """
    Return a bound of what the search takes.

    It looks at each pair of equal lines, and may do so again for each line.
    """
    counts = Counter(old)
    return min(len(old), len(new)) * sum(counts[line] for line in new)
