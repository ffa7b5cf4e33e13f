"""
A browser for the console in a lab: HTTP in memory, cookies, and the token of the last form.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

from argon2 import PasswordHasher
from attrs import frozen
from twisted.internet.protocol import ClientFactory, Protocol

from rpcfw.console.access.roles import Role
from rpcfw.console.access.users import User, Users
from rpcfw.console.console import Console
from rpcfw.console.options import ConsoleOptions
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import as_coroutine
from rpcfw.values.address import Address

PASSWORD = "correct horse battery"
#: Weak on purpose: a real one takes 50 ms and 64 MiB.
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = HASHER.hash(PASSWORD)

AT = Address("memory", "console")


def users():
    """
    Return a user for each role, of the same name.
    """
    known = {str(role): User(str(role), role, HASH) for role in Role}
    return Users(lambda: known, HASHER)


def console_of(lab, *sets, **texts):
    """
    Return a console that is started in a lab, and must be stopped.
    """
    process = lab.consumer(*sets, name="console")
    given = {"listen": str(AT), "users": "users.txt", "host_names": "console", **texts}
    options = options_of(ConsoleOptions, **given)
    trials = iter(range(1000))

    def trial():
        return lab.process(f"trial-{next(trials)}", (), *sets).application

    console = Console(process.application, options, users(), trial)
    lab.run(console.start())
    return console


@frozen
class Answer:
    """
    What a browser gets.
    """

    status: int
    headers: dict
    cookies: list
    text: str

    @property
    def location(self):
        return self.headers.get("location", "")


class Wire(Protocol):
    """
    One connection; what comes is kept.
    """

    def __init__(self):
        self.received = b""
        self.lost = False

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        self.lost = True


class Browser:
    """
    One browser, of a user who may log in.

    Args:
        console: what it looks at.
    """

    def __init__(self, lab, console):
        self.lab = lab
        self._network = console.runtime.network
        self.cookies = {}
        self.csrf = ""

    def wire(self):
        """
        Return an open connection.
        """
        factory = ClientFactory()
        factory.noisy = False
        factory.protocol = Wire
        return self.lab.run(as_coroutine(self._network.client(AT, 1.0).connect(factory)))

    def send(self, method, path, form=None, headers=()):
        """
        Send a request, and return the connection.
        """
        body = b"" if form is None else urlencode(form).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: console"]
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            lines.append(f"Cookie: {pairs}")
        if form is not None:
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        wire = self.wire()
        wire.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        return wire

    def ask(self, method, path, form=None, headers=()):
        """
        Send a request, and return the answer.
        """
        wire = self.send(method, path, form, headers)
        self.lab.until(lambda: is_whole(wire.received) or wire.lost)
        answer = answer_of(wire.received)
        wire.transport.loseConnection()
        self.lab.until(lambda: wire.lost)
        for each in answer.cookies:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = re.search(r'name="csrf" value="([^"]*)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    def get(self, path, headers=()):
        return self.ask("GET", path, None, headers)

    def post(self, path, **form):
        """
        Send a form of this session, with a reason.
        """
        return self.ask("POST", path, {"csrf": self.csrf, "reason": "a test", **form})

    def log_in(self, name="operator", password=PASSWORD):
        """
        Log in, and load a page, which has the token of the forms.
        """
        answer = self.ask("POST", "/login", {"name": name, "password": password})
        if answer.status == 303:
            self.get("/")
        return answer


def is_whole(received):
    """
    Tell whether a response with a length is there.
    """
    head, end, body = received.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    return bool(end) and found is not None and len(body) >= int(found[1])


def answer_of(received):
    """
    Read a response.
    """
    head, _, body = received.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    pairs = [
        (name.lower(), value.strip()) for name, _, value in (one.partition(":") for one in lines)
    ]
    cookies = [value for name, value in pairs if name == "set-cookie"]
    status = int(first.split(" ")[1]) if first else 0
    return Answer(status, dict(pairs), cookies, unescape(body))
