"""
Instructions of a call, from what callgrind wrote.
"""

from __future__ import annotations

import pytest

from benchmarks import instructions
from benchmarks.plan import Plan


def test_what_a_batch_costs_beside_its_calls_does_not_count():
    """
    Batches of 10 and 30 calls that cost 5 at each begin give the cost of a call alone.
    """
    assert [100, 7] == instructions.per_call([1005, 75], [3005, 215], 10)


def _dump(folder, name, *totals):
    parts = "".join(
        f"part: 1\nevents: Ir\nfn=(1) main\n12 99\nsummary: {one}\n\n" for one in totals
    )
    (folder / name).write_text(f"version: 1\n{parts}totals: 1\n")


def test_the_latest_dump_of_a_process_counts(tmp_path):
    """
    Dumps are numbered: the tenth is after the ninth, and another process has its own.
    """
    _dump(tmp_path, "counted.77.9", 900)
    _dump(tmp_path, "counted.77.10", 1000)
    _dump(tmp_path, "counted.778.11", 5)
    assert 1000 == instructions.total_of(tmp_path, 77)


def test_the_threads_of_a_process_are_added(tmp_path):
    """
    A dump has a part for each thread.
    """
    _dump(tmp_path, "counted.77.1", 100, 20)
    assert 120 == instructions.total_of(tmp_path, 77)


@pytest.mark.parametrize("lacking", ["valgrind", "vgdb"])
def test_without_valgrind_nothing_is_counted(monkeypatch, capsys, lacking):
    """
    What is told is what to install.
    """
    monkeypatch.setattr(
        instructions.shutil, "which", lambda name: None if name == lacking else name
    )
    assert [] == instructions.instructions(Plan((), (), (1,), 1.0, 1))
    assert "apt-get install valgrind" in capsys.readouterr().err
