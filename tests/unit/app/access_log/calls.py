"""
Calls for the log.
"""

from __future__ import annotations

from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.logged_call import (
    ATTEMPTS,
    CALLER,
    ENDED_AT,
    IDENTITY,
    LIMIT_S,
    METHOD,
    PEER,
    PHASES,
    TOOK_S,
    TRACE,
)
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


def succeeded(logged):
    """
    Return what `SuccessLines.line` takes of the same call: it, its begin and end, and phases.
    """
    began = logged[ENDED_AT] - logged[TOOK_S]
    call = Call(
        logged[METHOD],
        None,
        deadline=began + logged[LIMIT_S],
        caller=logged[CALLER],
        peer=logged[PEER],
        attempt=logged[ATTEMPTS],
        identity=CallerIdentity(logged[IDENTITY]),
        trace=logged[TRACE],
    )
    return call, began, logged[ENDED_AT], logged[PHASES]
