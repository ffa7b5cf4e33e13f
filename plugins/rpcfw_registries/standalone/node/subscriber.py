"""
One consumer's stream at a registry server: what it watches, and what it is still to be sent.

Theory of operation. For each service there is the number up to which the consumer has been
sent everything, and for rules the stamp of the record. A change adds the service, or the scope of
the rules, to what is due, once. What is new is looked up only when the stream takes a message. So
a slow consumer costs no more than the names of what it watches, and gets the last state of each
instance; one that is too slow for the history of the server gets the list anew.
"""

from __future__ import annotations

from attrs import define, field

from rpcfw.errors import CallError
from rpcfw.spi.runtime.event import Event
from rpcfw_registries.standalone.node.caller import Caller
from rpcfw_registries.standalone.node.encodings import Known
from rpcfw_registries.standalone.updates import (
    Topic,
    Updates,
    Wanted,
    WantedRules,
    WatchRequest,
)

__all__ = ["Subscriber"]


@define(eq=False)
class Subscriber:
    """
    One stream.

    Attributes:
        known: what it has been sent of all that it watches; None: nothing yet.
        due: what has something new; with what the consumer said if it is to be answered.
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
    known: dict[Topic, Known] = field(factory=dict)
    due: dict[Topic, Wanted | WantedRules | None] = field(factory=dict)
    postponed: dict[Topic, Wanted | WantedRules] = field(factory=dict)
    answered: int = 0
    acknowledged: int = 0
    behind: str = ""
    ready: bool = False
    wake: Event = field(factory=Event)
    idle: Event = field(factory=Event)
    error: CallError | None = None
    over: bool = False

    def changed(self, topic: Topic) -> None:
        """
        Note that something that it watches has changed.
        """
        if topic not in self.due:
            self.due[topic] = self.postponed.pop(topic, None)

    def look_again(self) -> None:
        """
        Have everything due that was postponed.
        """
        self.due |= self.postponed
        self.postponed = {}

    def take_due(self) -> tuple[Topic, Wanted | WantedRules | None]:
        """
        Return what has been due for the longest time.
        """
        topic = next(iter(self.due))
        return topic, self.due.pop(topic)

    def remove(self, topic: Topic) -> bool:
        """
        Forget something, and say whether it was watched.
        """
        self.due.pop(topic, None)
        self.postponed.pop(topic, None)
        return self.known.pop(topic, self) is not self

    def ask(self, request: WatchRequest) -> None:
        """
        Take note of what is to be answered.
        """
        self.answered += 1
        self.idle.clear()
        for wanted in request.add:
            self.due[wanted.topic] = wanted
        for rules in request.add_rules:
            self.due[rules.topic] = rules

    def has_to_learn(self, behind: str) -> bool:
        """
        Tell whether it is to be sent a message, even one without updates.
        """
        return self.acknowledged != self.answered or self.behind != behind

    def complete(self, message: Updates, behind: str) -> Updates:
        """
        Return the next message, which has the updates already.
        """
        self.acknowledged = message.answered = self.answered
        self.behind = message.behind = behind
        return message
