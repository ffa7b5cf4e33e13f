"""
Calls for the log.
"""

from __future__ import annotations

from rpcfw.status import Hint, Status
from rpcfw.values.method import Method, Shape
from rpcfw.values.phases import Phases

SAY = Method("demo.Greeter", "say", Shape.UNARY, str, str, "json")


def a_logged_call(**facts):
    """
    Return a call as the filter hands it over; a test says what is special.
    """
    phases = facts.pop("phases", None) or Phases()
    phases.sent_bytes, phases.received_bytes = facts.pop("sizes", (12, 34))
    phases.number = facts.pop("number", 0)
    each = {
        "ended_at": 0.25,
        "side": "server",
        "method": SAY,
        "status": Status.OK,
        "took_s": 0.0015,
        "limit_s": 3.0,
        "slow": False,
        "peer": "10.0.0.7:35252",
        "caller": "shop",
        "identity": (),
        "attempts": 0,
        "message": "",
        "hints": Hint.NONE,
        "trace": None,
        "phases": phases,
    }
    return tuple({**each, **facts}.values())
