"""
One consumer's stream at a registry server: what it watches, and what it is still to be sent.

Theory of operation. For each service there is the number up to which the consumer has been
sent everything. A change adds the service to those that are due, once. What is new is looked
up only when the stream takes a message. So a slow consumer costs no more than the names of
its services, and gets the last state of each instance; one that is too slow for the history
of the server gets the list anew.
"""

from __future__ import annotations

import msgspec
from attrs import define, field

from rpcfw.errors import CallError
from rpcfw.spi.runtime.event import Event
from rpcfw_registries.standalone.node.caller import Caller
from rpcfw_registries.standalone.updates import Updates, Wanted, WatchRequest

__all__ = ["Subscriber"]


@define(eq=False)
class Subscriber:
    """
    One stream.

    Attributes:
        known: by service; None: the consumer has not been sent anything of it.
        due: services with something new; with what the consumer said if it is to be answered.
        postponed: the same, of those that wait until this server knows something.
        answered: how many requests were read.
        acknowledged: of those, the ones that the consumer knows to be read.
        behind: what was sent of this last.
        ready: it is due to be woken.
        wake: set when there is something to send.
        idle: set when nothing is due.
        error: why the stream ends.
        over: no more is sent.
    """

    caller: Caller
    known: dict[str, int | None] = field(factory=dict)
    due: dict[str, Wanted | None] = field(factory=dict)
    postponed: dict[str, Wanted] = field(factory=dict)
    answered: int = 0
    acknowledged: int = 0
    behind: str = ""
    ready: bool = False
    wake: Event = field(factory=Event)
    idle: Event = field(factory=Event)
    error: CallError | None = None
    over: bool = False

    def changed(self, service: str) -> None:
        """
        Note that a service that it watches has changed.
        """
        if service not in self.due:
            self.due[service] = self.postponed.pop(service, None)

    def take_due(self) -> tuple[str, Wanted | None]:
        """
        Return what has been due for the longest time.
        """
        service = next(iter(self.due))
        return service, self.due.pop(service)

    def remove(self, service: str) -> bool:
        """
        Forget a service, and say whether it was watched.
        """
        self.due.pop(service, None)
        self.postponed.pop(service, None)
        return self.known.pop(service, self) is not self

    def ask(self, request: WatchRequest) -> None:
        """
        Take note of what is to be answered.
        """
        self.answered += 1
        self.idle.clear()
        for wanted in request.add:
            self.due[wanted.service] = wanted

    def has_to_learn(self, behind: str) -> bool:
        """
        Tell whether it is to be sent a message, even one without updates.
        """
        return self.acknowledged != self.answered or self.behind != behind

    def message(self, updates: list[msgspec.Raw], behind: str) -> Updates:
        """
        Return the next message.
        """
        self.acknowledged, self.behind = self.answered, behind
        return Updates(updates, self.answered, behind)
