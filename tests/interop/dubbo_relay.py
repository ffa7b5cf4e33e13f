"""
A relay between a consumer and a provider that counts Dubbo's heartbeats.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import suppress

__all__ = ["Relay"]

_HEADER_BYTES = 16
_REQUEST, _EVENT = 0x80, 0x20
_HEARTBEAT_BYTES = 1


class Relay:
    """
    Passes on bytes between each connection that comes and one to a provider.

    Args:
        port: of the provider, at 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listening]
        self._changed = threading.Condition()
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        #: Heartbeats and their answers, by who sent them: consumer or provider.
        self.heartbeats: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for_answers(self, count: int, limit_s: float) -> None:
        """
        Wait until so many heartbeats were answered.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: self.answers.total() >= count, limit_s)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                consumer, _ = self._listening.accept()
                provider = socket.create_connection(self._target)
                self._sockets += [consumer, provider]
                self.connections += 1
                for words in (("consumer", consumer, provider), ("provider", provider, consumer)):
                    threading.Thread(target=self._pass_on, args=words, daemon=True).start()

    def _pass_on(self, sender: str, source: socket.socket, target: socket.socket) -> None:
        waiting = b""
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                waiting = self._count(sender, waiting + data)
            target.shutdown(socket.SHUT_WR)

    def _count(self, sender: str, data: bytes) -> bytes:
        """
        Note the heartbeats in whole frames; return the rest.
        """
        while len(data) >= _HEADER_BYTES:
            size = int.from_bytes(data[12:16], "big")
            if len(data) < _HEADER_BYTES + size:
                break
            flags, data = data[2], data[_HEADER_BYTES + size :]
            # READONLY is an event, too, with a longer body.
            if flags & _EVENT and (size == _HEARTBEAT_BYTES or not flags & _REQUEST):
                self._note(self.heartbeats if flags & _REQUEST else self.answers, sender)
        return data

    def _note(self, counter: Counter[str], sender: str) -> None:
        with self._changed:
            counter[sender] += 1
            self._changed.notify_all()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            # This wakes the thread that waits for it; close alone does not.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
