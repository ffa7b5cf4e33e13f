"""
The admin port of real processes: over TCP, Unix sockets and TLS, and under attack.
"""

from __future__ import annotations

import json
import resource
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPSConnection

import pytest

from rpcfw_auth.keys import parse_keys
from rpcfw_auth.signature import HEADER, sign
from tests.certificates import Authority
from tests.real.commands import Running, registry
from tests.requirements import require

LIMIT_S = 60
REQUEST_TIMEOUT_S = 1.5

GREETER = (
    *("--set", "app.python_path=examples/greeter"),
    *("--set", "server.services=service:Greeter"),
    *("--set", "registry.plugin=memory"),
    *("--set", f"admin.request_timeout={REQUEST_TIMEOUT_S}s"),
    *("--set", "admin.max_connections=32"),
)


def port_of(process):
    """
    Return the port of the first admin address that a process logs.
    """
    line = process.log_until("admin pages at ")
    return int(line.partition("admin pages at ")[2].split(",")[0].rpartition(":")[2])


class Unix(HTTPConnection):
    """
    A connection to a Unix socket.
    """

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("admin")


@pytest.fixture(scope="module")
def port(folder):
    """
    The admin port of a provider, which listens at a Unix socket too.
    """
    listen = f"admin.listen=tcp:127.0.0.1:0, unix:{folder}/admin"
    with Running("serve", *GREETER, "--set", listen) as process:
        yield port_of(process)


def get(port, path, **headers):
    """
    Return status, headers and body.
    """
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request("GET", path, headers=named)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_every_page(port):
    """
    Each page of the index can be had, as HTML, JSON and text.
    """
    _, _, index = get(port, "/?format=json")
    paths = [row["path"] for row in json.loads(index)["pages"]]
    assert {"/status", "/config", "/threads", "/livez"} <= {*paths}

    # This one has Prometheus's formats alone.
    paths.remove("/metrics")
    assert get(port, "/metrics")[1]["Content-Type"].startswith("text/plain; version=0.0.4")
    for path in paths:
        quick = "?seconds=0.1" if path == "/profile" else ""
        status, headers, body = get(port, f"{path}.json{quick}", Accept="text/html")
        assert (200, "application/json") == (status, headers["Content-Type"])
        assert json.loads(body)
        assert 200 == get(port, path + quick, Accept="text/html")[0]


def test_curl(port, folder):
    """
    curl gets text, over TCP and over a Unix socket.
    """
    require(shutil.which("curl"), "apt-get install curl")
    over_unix = ("--unix-socket", f"{folder}/admin")
    for words in ((f"http://localhost:{port}/readyz",), (*over_unix, "http://localhost/readyz")):
        done = subprocess.run(
            ["curl", "-fsS", *words], capture_output=True, text=True, check=True, timeout=LIMIT_S
        )
        assert "phase   announced" in done.stdout


def test_only_this_user_opens_the_socket(port, folder):
    """
    A Unix socket has the permissions of its owner alone.
    """
    assert 0o600 == (folder / "admin").stat().st_mode & 0o777


def test_one_profile_at_a_time(port):
    """
    A second request while one runs is refused, and says when to come again.
    """
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(get, port, "/profile?seconds=1")
        statuses = {status for status, _, _ in (get(port, "/profile?seconds=0.1"), first.result())}

    # Whichever came first runs.
    assert statuses <= {200, 503}
    assert 200 in statuses


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/status/../../etc/passwd",
        "//etc/passwd",
        "/etc/passwd.json",
        "/status%00.html",
    ],
)
def test_there_are_no_files(port, path):
    """
    No path leads to a file.
    """
    status, _, body = get(port, path)

    assert 404 == status
    assert b"root:" not in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 421),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"X_Forwarded_For": "127.0.0.1", "X_Forwarded_Host": "localhost"}, 200),
        ({"Authorization": "Bearer " + "a" * 8000}, 200),
        ({"X": "a" * 17_000}, 0),
    ],
)
def test_forged_headers(port, headers, status):
    """
    A page of somebody else reads nothing; large headers get no page.
    """
    try:
        assert status == get(port, "/status", **headers)[0]
    except OSError:
        assert not status  # the connection was closed instead


def connected(port, sent):
    """
    Return a connection on which this was sent; None if it was closed meanwhile.
    """
    made = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    try:
        made.sendall(sent)
    except OSError:
        made.close()
        return None
    return made


def closed(connection):
    """
    Wait until the other end has closed a connection.
    """
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass


def test_a_thousand_slow_connections(port):
    """
    They hold 32 slots at most and a time that is limited; probes are answered meanwhile.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        slow = [connected(port, b"GET /status HTTP/1.1\r\nHost: lo") for _ in range(1_000)]
        for each in slow:
            if each is not None:
                stack.callback(each.close)

        assert 200 == get(port, "/livez")[0]
        assert 200 == get(port, "/readyz")[0]

        # Most are closed for others, and the last ones by the time limit.
        for each in filter(None, slow):
            closed(each)
    assert 200 == get(port, "/status")[0]


def test_a_huge_body_is_refused(port):
    """
    It is not read.
    """
    head = b"POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    connection = connected(port, head)
    with connection:
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_second_request_is_dropped(port):
    """
    What is hidden behind a request, as through a careless proxy, is not answered.
    """
    hidden = b"GET /threads HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    data = b""
    with connected(port, head + hidden + hidden) as connection:
        try:
            while part := connection.recv(65_536):
                data += part
        except ConnectionError:
            pass

    assert 1 == data.count(b"HTTP/1.1 ")
    assert b"MainThread" not in data


def test_an_endless_request_ends(port):
    """
    A byte now and then does not keep a connection open.
    """
    began_at = time.monotonic()
    with connected(port, b"GET /") as connection:
        connection.settimeout(0.1)
        while True:
            try:
                connection.sendall(b"a")
                if not connection.recv(1):
                    break
            except TimeoutError:
                assert time.monotonic() - began_at < LIMIT_S
            except ConnectionError:
                break

    assert time.monotonic() - began_at >= REQUEST_TIMEOUT_S * 0.9


def test_other_commands_have_the_port():
    """
    A registry server and a prober have it by the same option.
    """
    node, address = registry("--log-level", "info", "--set", "admin.listen=tcp:127.0.0.1:0")
    with node:
        port = port_of(node)
        assert b"announced" not in get(port, "/readyz")[2]
        assert 200 == get(port, "/readyz")[0]
        sets = ("--set", "admin.listen=tcp:127.0.0.1:0", "--set", f"registry.address={address}")
        with Running("probe", *sets) as prober:
            port = port_of(prober)
            assert prober.line().startswith("probing")
            assert b"ready" in get(port, "/readyz")[2]
            listen = ("admin", "listen", "tcp:127.0.0.1:0", "--set admin.listen")
            rows = json.loads(get(port, "/config.json")[2])["given"]
            assert listen in [tuple(row.values()) for row in rows]


SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

RULES = """
[app]
reactor = asyncio
[tls]
certificate = {server.certificate}
key = {server.key}
ca = {authority.certificate}
clients = certified
[authenticator hmac]
secrets = {secrets}
[admin]
listen = tls:0.0.0.0:0
authenticators = hmac
access =
    allow page=livez
    allow identity=dns:monitor.test & action=read
    allow identity=hmac:ann & page=status
"""


class Guarded:
    """
    A process whose admin port others reach, and who asks it.
    """

    def __init__(self, folder, port, authority):
        self.port = port
        self.authority = authority
        self.monitor = authority.issue("monitor", "DNS=monitor.test")
        self.other = authority.issue("other", "DNS=other.test")
        self.folder = folder

    def get(self, path, issued=None, **headers):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if issued is not None:
            context.load_cert_chain(issued.certificate, issued.key)
        connection = HTTPSConnection("127.0.0.1", self.port, context=context, timeout=LIMIT_S)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def guarded(folder):
    authority = Authority(folder)
    server = authority.issue("server", "127.0.0.1")
    kept = folder / "secrets"
    kept.write_text(f"ann-1 ann {SECRET}\neve-1 eve {SECRET}\n")
    kept.chmod(0o600)
    file = folder / "admin.ini"
    file.write_text(RULES.format(server=server, authority=authority, secrets=kept))
    with Running("serve", "-c", file, *GREETER) as process:
        yield Guarded(folder, port_of(process), authority)


def test_certificates_decide(guarded):
    """
    Who may see the pages is a matter of the client's certificate; without one there is no TLS.
    """
    assert 200 == guarded.get("/livez", guarded.other)[0]
    assert 200 == guarded.get("/config", guarded.monitor)[0]
    assert 403 == guarded.get("/config", guarded.other)[0]
    with pytest.raises(ssl.SSLError, match="certificate required"):
        guarded.get("/livez")


def test_signatures_decide(guarded):
    """
    A signature opens the pages of its owner and no others, and each opens one once.
    """
    keys = parse_keys((guarded.folder / "secrets").read_bytes())

    def asked(path, key="ann-1", name=""):
        method = f"rpcfw.Admin/{name or path[1:]}"
        now_ms, nonce = int(time.time() * 1000), secrets.token_hex(16)
        return {HEADER: sign(keys[key], now_ms, nonce, method, b"")}

    headers = asked("/status")
    assert 200 == guarded.get("/status", guarded.other, **headers)[0]
    assert 401 == guarded.get("/status", guarded.other, **headers)[0]
    assert 401 == guarded.get("/status", guarded.other, **asked("/status", name="config"))[0]
    assert 403 == guarded.get("/config", guarded.other, **asked("/config"))[0]
    assert 403 == guarded.get("/status", guarded.other, **asked("/status", "eve-1"))[0]
