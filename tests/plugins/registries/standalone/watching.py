"""
A consumer of a registry server whose methods are called in place.
"""

from __future__ import annotations

import msgspec
from twisted.internet.defer import ensureDeferred

from rpcfw.values.instance import instance_from_json
from rpcfw_registries.standalone.updates import (
    RulesUpdate,
    Update,
    Wanted,
    WantedRules,
    WatchRequest,
)
from tests.plugins.registries.network import Requests

__all__ = ["Consumer", "ids"]

_decode = msgspec.json.Decoder(Update).decode
_decode_rules = msgspec.json.Decoder(RulesUpdate).decode


class Consumer:
    """
    One stream. It reads nothing by itself: a consumer may be slow.

    Attributes:
        messages: that it has read.
        ended: None while the stream goes on; True if it has ended; else the error.
    """

    def __init__(self, node, clock):
        self._clock = clock
        self._requests = Requests()
        self._stream = node.watch(self._requests)
        self._reading = None
        self.messages = []
        self.ended = None
        self.read()

    def add(self, service="demo.Greeter", **has):
        """
        Watch one more service.
        """
        self.request(add=[Wanted(service, **has)])

    def add_rules(self, name="demo.Greeter", kind="service", **has):
        """
        Watch the rules of one more scope.
        """
        self.request(add_rules=[WantedRules(kind, name, **has)])

    def request(self, **fields):
        """
        Send a request.
        """
        self._requests.put(WatchRequest(**fields))
        self._clock.advance(0)

    @property
    def is_answered(self):
        """
        Whether there is a message that it has not read.
        """
        return self._reading is not None and self._reading.called

    def read(self, most=1000):
        """
        Read the messages that are there now, up to a number; return the updates in them.
        """
        updates = []
        for _ in range(most):
            if self.ended is not None:
                break
            if self._reading is None:
                self._reading = ensureDeferred(self._stream.__anext__())
            self._clock.advance(0)
            if not self._reading.called:
                break
            found = []
            self._reading.addBoth(found.append)
            self._reading = None
            updates += self._take(found[0])
        return updates

    def last(self, after_s=0.02):
        """
        Return the only update that is there after some time.
        """
        self._clock.advance(after_s)
        (update,) = self.read()
        return update

    def close(self):
        """
        Give the stream up.
        """
        if self._reading is not None:
            self._reading.addErrback(lambda failure: None)
            self._reading.cancel()
        ensureDeferred(self._stream.aclose()).addErrback(lambda failure: None)

    def _take(self, found):
        if hasattr(found, "check"):
            self.ended = True if found.check(StopAsyncIteration) else found.value
            return []
        self.messages.append(found)
        lists = [_decode(packed) for packed in found.updates]
        return lists + [_decode_rules(packed) for packed in found.rules]


def ids(update):
    """
    Return the ids that an update puts.
    """
    return sorted(instance_from_json(bytes(record)).id for record in update.put)
