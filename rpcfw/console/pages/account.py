"""
Logging out, and the events that keep a page up to date.
"""

from __future__ import annotations

from rpcfw.console.http.event_stream import EventStream
from rpcfw.console.http.messages import Response
from rpcfw.console.login import LOGIN_PATH
from rpcfw.console.routes import Route, Visit

__all__ = ["ROUTES"]


async def _logout(visit: Visit) -> Response:
    cookie = visit.console.identities.end(visit.session)
    return Response(303, headers=(("Location", LOGIN_PATH), ("Set-Cookie", cookie)))


async def _events(visit: Visit) -> Response:
    events = visit.console.events
    if not events.admits(visit.session):
        # Browsers try again after any other status.
        return Response(204)

    def opened(stream: EventStream) -> None:
        events.add(stream, visit.session)

    return Response(stream=opened)


ROUTES = (
    Route("POST", "/logout", _logout),
    Route("GET", "/events", _events),
)
