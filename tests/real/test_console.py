"""
The console as a process: with a registry server, a provider and its admin port, and a large fleet.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
from contextlib import ExitStack, suppress
from html import unescape
from http.cookiejar import CookieJar
from itertools import count
from time import perf_counter, sleep
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from argon2 import PasswordHasher

from rpcfw.console.access.roles import Role
from rpcfw.console.access.users import Users, user_line, users_in
from tests.real.commands import LIMIT_S, Running, registry, rpcfw
from tests.real.ports import free_ports

#: Weak on purpose: the machine has other things to do.
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
RULE = {"scope": "service", "name": "demo.Greeter", "kind": "policies"}


class Person:
    """
    A browser without scripts, of somebody who may log in.
    """

    def __init__(self, place, name, password=PASSWORD, **headers):
        self._place = place
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._opener.addheaders = [(key.replace("_", "-"), value) for key, value in headers.items()]
        self._csrf = ""
        self.status, _ = self.post("/login", name=name, password=password)

    def get(self, path):
        return self._open(path, None)

    def post(self, path, **form):
        return self._open(
            path, urlencode({"csrf": self._csrf, "reason": "a test", **form}).encode()
        )

    def _open(self, path, body):
        try:
            with self._opener.open(f"http://{self._place}{path}", body, 30) as response:
                text, status = response.read().decode(), response.status
        except HTTPError as error:
            with error:
                text, status = error.read().decode(), error.code
        found = re.search(r'name="csrf" value="([^"]*)"', text)
        self._csrf = found[1] if found else self._csrf
        return status, unescape(text)

    def until(self, path, text):
        """
        Load a page until it has a text, and return it.
        """
        for _ in range(LIMIT_S * 5):
            page = self.get(path)[1]
            if text in page:
                return page
            sleep(0.2)
        raise AssertionError(f"{text!r} did not come to stand at {path}: {page}")


def console(folder, *sets):
    """
    Return a running console, and where it listens.
    """
    lines = [user_line(str(role), role, PASSWORD, HASHER) for role in Role]
    (folder / "users.txt").write_text("\n".join(lines))
    arguments = [part for text in sets for part in ("--set", text)]
    arguments += ["--set", f"console.users={folder / 'users.txt'}"]
    arguments += ["--set", "console.listen=tcp:127.0.0.1:0"]
    running = Running("console", *arguments)
    return running, running.line().removeprefix("console at tcp:")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """
    A console of a fleet with one provider, which describes its methods and has an admin port.
    """
    folder = tmp_path_factory.mktemp("console")
    (port,) = free_ports(1)
    node, node_at = registry()
    serve = ["serve", "-c", "conf/provider.ini", "--set", "server.builtin=schema"]
    serve += ["--set", f"admin.listen=tcp:127.0.0.1:{port}"]
    serve += ["--set", f"server.tags=admin=tcp:127.0.0.1:{port}"]
    sets = [
        f"registry.address={node_at}",
        "console.poll_interval=200ms",
        "console.refresh_interval=200ms",
        f"console.audit_file={folder / 'audit.jsonl'}",
    ]
    with node, Running(*serve, RPCFW_REGISTRY__ADDRESS=node_at) as provider:
        provider.line()
        running, at = console(folder, *sets)
        with running:
            yield at, folder


def test_a_session_of_an_operator(place):
    """
    A service is found, called by its form, and given a rule, which is checked and rolled back.
    """
    at, folder = place
    person = Person(at, "operator")
    person.until("/", "demo.Greeter")
    assert 'name="argument.name"' in person.get("/call?service=demo.Greeter&method=say")[1]
    form = {"service": "demo.Greeter", "method": "say", "as": "fields", "argument.name": "bob"}
    assert "hello bob" in person.post("/call", **form)[1]
    person.until("/live", "demo.Greeter")

    wrong = person.post("/rule/put", **RULE, text="[retry]\nmax_attemps = 2\n", version=0)
    assert (422, True) == (wrong[0], "did you mean 'max_attempts'" in wrong[1])
    text = "[retry]\nmax_attempts = 2\n"
    assert "The text would not change" not in person.post("/rule/try", **RULE, text=text)[1]
    assert (
        "Version 1, put by operator@console"
        in (person.post("/rule/put", **RULE, text=text, version=0)[1])
    )
    person.post("/rule/put", **RULE, text="", version=1)
    back = person.post("/rule/roll-back", **RULE, version=0, to=1)[1]
    assert "max_attempts = 2" in back
    last = (folder / "audit.jsonl").read_text().splitlines()[-1]
    assert ("operator", "a test", "done") == tuple(
        json.loads(last)[key] for key in ("who", "reason", "result")
    )


def test_a_viewer_is_refused(place):
    """
    A viewer sees the fleet, and changes nothing.
    """
    person = Person(place[0], "viewer")
    person.until("/", "demo.Greeter")
    assert 403 == person.post("/rule/put", **RULE, text="", version=0)[0]
    assert 403 == person.get("/audit")[0]


def answer_to(at, request):
    """
    Send bytes on a connection of their own, and return all that comes back.
    """
    host, _, port = at.rpartition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        try:
            connection.sendall(request.replace(b"$HOST", at.encode()))
            while part := connection.recv(65_536):
                received += part
        except ConnectionError:
            pass
    return received


POST = b"POST /login HTTP/1.1\r\nHost: $HOST\r\n"
END = b"Connection: close\r\n\r\n"
SECOND = b"GET /static/icon.svg HTTP/1.1\r\nHost: $HOST\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: $HOST\r\n" + END, b"303"),
        (b"GET /audit HTTP/1.1\r\nHost: $HOST\r\nX-Forwarded-User: ann\r\n" + END, b"303"),
        (b"GET /logout HTTP/1.1\r\nHost: $HOST\r\nX-HTTP-Method-Override: POST\r\n" + END, b"303"),
        (b"GET /static/../../users.txt HTTP/1.1\r\nHost: $HOST\r\n" + END, b"303"),
        (b"GET /static/%2e%2e/users.txt HTTP/1.1\r\nHost: $HOST\r\n" + END, b"303"),
        (b"GET /login HTTP/1.1\r\nHost: evil.example\r\n" + END, b"421"),
        (b"PUT /rule/put HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0\r\n" + END, b"401"),
        (POST + b"Origin: http://evil.example\r\nContent-Length: 0\r\n" + END, b"400"),
        (POST + b"Origin: http://[\r\nContent-Length: 0\r\n" + END, b"400"),
        (POST + b"Content-Type: application/json\r\nContent-Length: 2\r\n" + END + b"{}", b"400"),
        (POST + b"Content-Length: 99999999999\r\n\r\n", b"413"),
        (POST + CHUNKED + SECOND, b"411"),
        (
            POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
            b"400",
        ),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nname=1" + SECOND, b"400"),
        (POST + b"Content-Length : 0\r\n\r\n" + SECOND, b"400"),
        (POST + FORM + b"Content-Length: 201\r\n" + END + b"&" * 201, b"400"),
        (b"GET / HTTP/1.1\r\nHost: $HOST\r\n" + b"A: b\r\n" * 101 + b"\r\n", b"400"),
    ],
)
def test_what_is_refused(place, request_bytes, status):
    """
    Without a login there is nothing but the login, and nothing is hidden behind a request.
    """
    answer = answer_to(place[0], request_bytes)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert 1 == answer.count(b"HTTP/1.1 ")
    assert b"argon2" not in answer


def test_slow_connections_keep_nobody_out(place):
    """
    Of 1,000 connections that send nothing more few stay. A person of their address is served.
    """
    host, _, port = place[0].rpartition(":")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        slow = []
        for _ in range(1000):
            slow.append(stack.enter_context(socket.create_connection((host, int(port)), LIMIT_S)))
            with suppress(ConnectionError):
                slow[-1].sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert 200 == Person(place[0], "viewer").get("/")[0]
        for each in slow[:800]:
            with suppress(ConnectionError):
                assert b"" == each.recv(1)


def instances(number):
    """
    Yield the records of the ten instances of a service.
    """
    name = f"demo.Service{number:03}"
    for one in range(10):
        yield {"service": name, "id": f"i{one}", "address": f"tcp:10.1.{one}.{number}:1"}


def test_a_large_fleet_is_shown_at_once(tmp_path):
    """
    200 services with 2,000 instances show in less than a second.
    """
    fleet = {f"demo.Service{number:03}": list(instances(number)) for number in range(200)}
    (tmp_path / "fleet.json").write_text(json.dumps(fleet))
    running, at = console(
        tmp_path, "registry.plugin=file", f"registry.path={tmp_path / 'fleet.json'}"
    )
    with running:
        person = Person(at, "viewer")
        person.until("/", '<span id="instance-count">2000</span>')
        took = []
        for _ in range(3):
            began = perf_counter()
            status, page = person.get("/?page=2")
            took.append(perf_counter() - began)
        assert (200, True) == (status, "demo.Service150" in page)
    assert min(took) < 1.0


def test_a_line_of_a_user(tmp_path):
    """
    The command makes a line for the file of users, from a password that is long enough.
    """
    made = rpcfw("console", "password", "ann", "admin", stdin=f"{PASSWORD}\n")
    user = users_in(tmp_path, made.stdout.encode(), passwords=True)["ann"]
    assert (Role.ADMIN, True) == (user.role, Users(dict).has_password(user, PASSWORD))
    short = rpcfw("console", "password", "ann", "admin", stdin="secret\n")
    assert (2, "a password has 12 to 512 characters; this one has 6\n") == (
        short.returncode,
        short.stderr,
    )


def test_users_behind_a_proxy_have_limits_of_their_own(tmp_path):
    """
    A client behind a proxy that fails to log in, with a header of its own, locks out itself alone.

    The file of users is read again at a signal; a wrong one changes nothing.
    """
    audit_file, users = tmp_path / "audit.jsonl", tmp_path / "users.txt"
    sets = ["registry.plugin=memory", f"console.audit_file={audit_file}"]
    sets += ["console.trusted_proxies=127.0.0.1", "console.address_header=X-Forwarded-For"]
    sets += ["console.max_failed_logins=3"]
    running, at = console(tmp_path, *sets)

    def person(address, password=PASSWORD):
        forged = f"198.51.100.{next(numbers)}"
        return Person(at, "viewer", password, X_Forwarded_For=f"{forged}, {address}")

    numbers = count(1)
    with running:
        wrong = [person("192.0.2.1", "wrong").status for _ in range(4)]
        assert [401, 401, 401, 429] == wrong
        viewer = person("192.0.2.2")
        assert 200 == viewer.status
        lines = map(json.loads, audit_file.read_text().splitlines())
        assert ["192.0.2.1"] * 3 + ["192.0.2.2"] == [line["address"] for line in lines]

        whole = users.read_text()
        users.write_text("viewer:viewr:\n")
        running.send(signal.SIGHUP)
        assert "expected one of viewer" in running.log_until("what was read last stays in use")
        assert "Services" in viewer.get("/")[1]
        users.write_text("\n".join(line for line in whole.split("\n") if "viewer" not in line))
        running.send(signal.SIGHUP)
        running.log_until("again")
        assert "Log in" in viewer.get("/")[1]


def test_nobody_could_log_in(tmp_path):
    """
    A file of users in which nobody has a password is a mistake, and the error says what to do.
    """
    users = tmp_path / "users.txt"
    users.write_text("ann:admin:\n")
    sets = ("--set", "registry.plugin=memory", "--set", f"console.users={users}")
    refused = rpcfw("console", *sets)
    assert 2 == refused.returncode
    assert f"{users}: expected at least one user with a password" in refused.stderr
    assert f"rpcfw console password NAME ROLE >> {users}" in refused.stderr
