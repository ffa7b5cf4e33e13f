"""
What a preview of a change of rules shows.
"""

from __future__ import annotations

from rpcfw.cli.rules.preview import Preview

SAME = ("tcp:a:1", "1.0", "100", "50.0%", "100", "50.0%")
OTHER = ("tcp:b:1", "2.0", "100", "0.0%", "100", "5.0%")


def test_only_instances_that_differ():
    """
    The table has the instances whose share or weight changes.
    """
    shown = Preview((SAME, OTHER)).as_text()
    assert "tcp:b:1" in shown
    assert "tcp:a:1" not in shown


def test_nothing_to_show():
    """
    That nothing changes is something else than that there is no instance.
    """
    assert "no instance would get another share of the calls\n" == Preview((SAME,)).as_text()
    assert "no instances are known: is this the name of the service?\n" == Preview(()).as_text()
