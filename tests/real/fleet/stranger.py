"""
Somebody else at a provider's port: ``stranger KIND PORT``.

``silent`` accepts connections and sends nothing. ``other`` is a server of another protocol,
which sends its greeting and closes. Writes a line once it listens.
"""

from __future__ import annotations

import socketserver
import sys

GREETING = b"SSH-2.0-OpenSSH_9.2\r\n"


class Silent(socketserver.BaseRequestHandler):
    """
    Reads and sends nothing.
    """

    def handle(self) -> None:
        while self.request.recv(1 << 16):
            pass


class Other(socketserver.BaseRequestHandler):
    """
    Sends its greeting, and does not like what it reads.
    """

    def handle(self) -> None:
        self.request.sendall(GREETING)
        self.request.recv(1 << 16)


class Server(socketserver.ThreadingTCPServer):
    """
    Takes the port although connections of the one before are still known to the system.
    """

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """
    Listen until killed.
    """
    kind, port = sys.argv[1:]
    with Server(("127.0.0.1", int(port)), {"silent": Silent, "other": Other}[kind]) as server:
        sys.stdout.write("{}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
