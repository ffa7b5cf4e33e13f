"""
The places of the three stacks, outermost first, each with the reason for its place.

A place may be empty: its name still says where others stand.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.spi.filter import Role

__all__ = ["ATTEMPT_ORDER", "CALL_ORDER", "SERVER_ORDER", "STACKS", "Order", "Place"]


@frozen
class Place:
    """
    One named place, and why it is where it is.

    Args:
        needed: settings may put something else there, but not leave it out.
    """

    role: Role
    why: str
    needed: bool = False


Order = tuple[Place, ...]

#: The client, once a call.
CALL_ORDER: Order = (
    Place(Role.METRICS, "outermost: counts what the caller saw, refusals and cancels too"),
    Place(Role.TRACING, "one span for the call; attempts are its children"),
    Place(Role.ACCESS_LOG, "one line with the final status; inside the span, to carry its id"),
    Place(Role.DEADLINE, "one limit over routing, waiting and all attempts", needed=True),
    Place(Role.USER, "users' own filters see the whole call once, under its deadline"),
    Place(Role.GUARD, "service-wide limits, above attempts: a refusal spends no retries"),
    Place(Role.ATTEMPTS, "everything below runs once an attempt"),
    Place(Role.ROUTING, "below attempts, so each attempt may go elsewhere", needed=True),
    Place(
        Role.SELECTION, "last of the call: what is below belongs to the chosen node", needed=True
    ),
)

#: The client, once an attempt, on the chosen node.
ATTEMPT_ORDER: Order = (
    Place(Role.ATTEMPT_TRACING, "a child span for each attempt, refusals below included"),
    Place(Role.ATTEMPT_METRICS, "counts by node, refusals below included"),
    Place(Role.BREAKER, "above the limits, so that it sees their time-outs"),
    Place(Role.LIMIT, "calls in flight on this node; what the breaker refuses is not counted"),
    Place(
        Role.ATTEMPT_DEADLINE,
        "one attempt's share of the time, once LIMIT has let it pass",
    ),
    Place(Role.CREDENTIALS, "last: fresh for each attempt, unseen by any log above"),
)

#: The server, once a call.
SERVER_ORDER: Order = (
    Place(Role.METRICS, "outermost: counts what was refused too"),
    Place(Role.TRACING, "the span holds whatever the call meets below"),
    Place(Role.ACCESS_LOG, "one line a call, refusals too; inside the span, to carry its id"),
    Place(Role.ADMISSION, "before a byte of the body is decoded: a refusal must be cheap"),
    Place(Role.DEADLINE, "drops what came too late, then limits all that follows", needed=True),
    Place(Role.AUTH, "who calls is known before any filter of the user's runs"),
    Place(Role.USER, "users' own filters see identity and deadline"),
)

#: The stacks that ``insert`` and ``remove`` of a section edit.
STACKS: dict[str, tuple[Order, ...]] = {
    "client": (CALL_ORDER, ATTEMPT_ORDER),
    "server": (SERVER_ORDER,),
}
