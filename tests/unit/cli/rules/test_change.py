"""
What a preview of a change of rules shows.
"""

from __future__ import annotations

from rpcfw.app.rules.preview import Preview, PreviewedInstance
from rpcfw.cli.rules.change import preview_as_text

SAME = PreviewedInstance("tcp:a:1", "1.0", "100", "50.0%", "100", "50.0%")
OTHER = PreviewedInstance("tcp:b:1", "2.0", "100", "0.0%", "100", "5.0%")


def test_only_instances_that_differ():
    """
    The table has the instances whose share or weight changes.
    """
    shown = preview_as_text(Preview((SAME, OTHER)))
    assert "tcp:b:1" in shown
    assert "tcp:a:1" not in shown


def test_nothing_to_show():
    """
    That nothing changes is something else than that there is no instance.
    """
    assert "no instance would get another share of the calls\n" == preview_as_text(Preview((SAME,)))
    assert "no instances are known: is this the name of the service?\n" == preview_as_text(
        Preview(())
    )
