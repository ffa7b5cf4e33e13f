"""
Every mistake of a file is told with its file and line.
"""

from __future__ import annotations

import sys

import pytest

from rpcfw.cli.assembling import assemble
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources

#: Modules that a newcomer could have beside the INI file.
MODULES = {
    "greeter": """
import rpcfw

class Greeter(rpcfw.Service, name="demo.Greeter"):
    def __init__(self):
        pass

    @rpcfw.method
    async def say(self, name: str) -> str:
        return name

class Again(Greeter):
    pass

class Broken(Greeter):
    def __init__(self):
        raise OSError("no database")

class Wants(Greeter):
    def __init__(self, database):
        pass

class Bare(rpcfw.Service, name="demo.Bare"):
    @rpcfw.method
    async def say(self, name):
        return name

class Empty(rpcfw.Service, name="demo.Empty"):
    async def say(self, name: str) -> str:
        return name

class Nameless(rpcfw.Service):
    @rpcfw.method
    async def say(self, name: str) -> str:
        return name

class Odd(rpcfw.Service, name="demo.Odd"):
    @rpcfw.method(codec="msgpak")
    async def say(self, name: str) -> str:
        return name

class Strange(rpcfw.Service, name="demo.Strange"):
    @rpcfw.method
    async def say(self, name: str) -> object.__class__:
        return name

class Plain:
    pass
""",
    "rotten": "import no_such_module_of_theirs\n",
    "unfinished": "def say(:\n",
    "extra": """
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.filter import Filter

class Mine(Filter):
    async def apply(self, call, proceed):
        return await proceed(call)

class Failing(Filter):
    def __init__(self, options, plugin_context):
        raise ValueError("no licence")

    async def apply(self, call, proceed):
        return await proceed(call)

class Half(Balancer):
    pass
""",
}

HEAD = "[app]\npython_path = .\n"

#: A file, the line of its mistake, and what is told of it.
MISTAKES = [
    # The file itself.
    ("timeout = 1s\n", 1, "timeout: is above the first [section]"),
    ("[client\n", 1, "'[client' is no section"),
    ("[Client]\n", 1, "is no section; expected [name] or [name qualifier] in lower case"),
    ("[client]\ntimeout\n", 2, "expected key = value"),
    ("[client]\ntimeout = 1s\ntimeout = 2s\n", 3, "given twice; first at"),
    ("  [client]\n", 1, "an indented line continues the value above, and there is none"),
    ("[client]\n\ttimeout = 1s\n", 2, "an indented line continues the value above"),
    ("[client]\ntimeout: 1s\n", 2, "expected key = value (with =, not with :)"),
    ("[client]\ntimeout = 1s\n\tattempt_timeout = 1s\n", 2, "begin an option at the margin"),
    ('[client]\ntimeout = "1s"\n', 2, "values have no quotes"),
    (
        "[server]\nservices = greeter:Greeter\n  listen = tcp:a:1\n[app]\npython_path = .\n",
        2,
        "is not written as module:Class",
    ),
    ("[clinet]\ntimeout = 1s\n", 1, "unknown section; did you mean 'client'?"),
    ("[client]\ntimeuot = 1s\n", 2, "unknown option; did you mean 'timeout'?"),
    ("[client]\nkept_links = 4\n", 2, "kept_links: this option is called max_connected_nodes now"),
    ("[client a.B]\ntrust_empty = no\n", 2, "this option is called accept_empty now"),
    ("[connection]\nbackoff_most = 9s\n", 2, "this option is called max_backoff now"),
    (
        "[client]\nrouters = zone\n[router zone]\nzone = a\n[router fixed]\nforce = no\n",
        5,
        "[router fixed]: not in use: write fixed in [client] routers; known: zone",
    ),
    (
        "[breaker]\nfailures = 3\n",
        2,
        "[breaker] failures: unknown option; it is for plugin = consecutive; known:",
    ),
    (
        "[balancer demo.Shop]\nplugin = p2c\nfailure_latency = 1s\nmin_share = 5%\n",
        4,
        "min_share: unknown option; it is for plugin = lalb; known: decay",
    ),
    (
        "[client]\nlimiters = concurrency\n[limiter concurrency]\nper = methd\n",
        4,
        "'methd' is none of service, method, caller, address; did you mean 'method'?",
    ),
    ("[balancer]\nplugin = consistent_hash\n", 1, "keeps calls together (argument PATH,"),
    ("[balancer]\nplugin = p2\n[health]\nwindow = 5s\n", 2, "did you mean 'p2c'?"),
    ("[balancer]\nplugin = adaptive\ncollectors = state, state\n", 3, "named more than once"),
    (
        "[balancer]\nplugin = p2c\n[collector latency]\nweight = 2\n",
        3,
        "[collector latency]: not in use: write latency in [balancer] collectors",
    ),
    # Sections that name a method where only a service may be named.
    (
        "[retry demo.Shop/get]\nmax_attempts = 5\n",
        1,
        "is for whole services: write [retry demo.Shop]; only [attempts] and [balancer] may",
    ),
    ("[breaker demo.Shop/get]\nplugin = consecutive\n", 1, "write [breaker demo.Shop]"),
    ("[client demo.Shop/get]\ntimeout = 1s\n", 1, "write [client demo.Shop]"),
    ("[health demo.Shop/get]\nwindow = 5s\n", 1, "write [health demo.Shop]"),
    # Values.
    ("[client]\ntimeout = 3\n", 2, "has no unit"),
    ("[client]\ntimeout = 3 secs\n", 2, "'secs'"),
    ("[client]\ntimeout = 3s ; a comment\n", 2, "give it a line of its own"),
    ("[client]\ntimeout = 3s # a comment\n", 2, "if a comment begins at the #, give it a line"),
    ("[client]\nmax_connected_nodes = many\n", 2, "'many' is not a whole number"),
    ("[limits]\nmax_receive_bytes = 4 megs\n", 2, "megs"),
    ("[limits]\nmax_calls = 0\n", 2, "must be at least 1, not 0"),
    ("[connection]\ninitial_backoff = 0s\n", 2, "must be at least 10ms"),
    ("[connection]\nbackoff_jitter = much\n", 2, "much"),
    ("[tls]\nclients = all\n", 2, "'all' is none of any, certified"),
    ("[server]\npings_without_calls = maybe\n", 2, "'maybe' is neither yes nor no"),
    ("[app]\nlog_level = verbose\n", 2, "'verbose' is none of debug, info, warn, error"),
    ("[app]\nreactor = select\n", 2, "'select' is none of"),
    ("[app]\npython_path = nowhere\n", 2, "there is no folder"),
    ("[app]\ngc_thresholds = 10000\n", 2, "three numbers of at least 1, or none, not 10000"),
    ("[app]\ngc_thresholds = 1, 2, 0\n", 2, "three numbers of at least 1, or none, not 1, 2, 0"),
    # Addresses.
    ("[server]\nlisten = http://0.0.0.0:80\n", 2, "did you mean tcp:0.0.0.0:80?"),
    ("[server]\nlisten = 0.0.0.0\n", 2, "it has no port"),
    ("[server]\nlisten =\n", 2, "name at least one address"),
    ("[server]\nlisten = tcp:a:1, tcp:a:1\n", 2, "tcp:a:1 is named twice"),
    ("[inspection]\nlisten = fd:3, fd:3\n", 2, "fd:3 is named twice"),
    (
        "[server]\nlisten = fd:3, tcp:a:1\n[inspection]\nlisten = tcp:a:0, fd:3\n",
        4,
        "[server] listens at fd:3; name another place",
    ),
    ("[server]\nlisten = tls:0.0.0.0:1\n", 2, "needs a certificate: set [tls] certificate"),
    ("[server]\nadvertise = tcp:0.0.0.0:1\n", 2, "is every interface"),
    ("[server]\nweight = -1\n", 2, "must be 0 to"),
    ("[server]\ntags = blue\n", 2, "'blue' is not name=value"),
    ("[server]\nthreads = 0\n", 2, "must be at least 1, not 0"),
    ("[server]\nmax_thread_queue = -1\n", 2, "must be at least 0, not -1"),
    ("[server]\nmax_connections = 0\n", 2, "must be at least 1, not 0"),
    ("[server]\nprotocols =\n", 2, "name at least one wire"),
    ("[client]\nprotocols =\n", 2, "name at least one wire"),
    ("[client]\ntimeout = 0s\n", 2, "timeout: must be more than 0s: no call could succeed; none: "),
    ("[client demo.A]\nstream_timeout = 0s\n", 2, "stream_timeout: must be more than 0s"),
    ("[client]\nattempt_timeout = 0s\n", 2, "must be more than 0s: no call could succeed; empty: "),
    ("[server]\nmax_timeout = 0ms\n", 2, "max_timeout: must be more than 0s"),
    ("[client demo.A]\nmax_connected_nodes = -1\n", 2, "must be at least 0, not -1"),
    # Files that options name.
    ("[tls]\nkey = a.pem\n", 2, "needs [tls] certificate"),
    ("[tls]\nclients = certified\n", 2, "certified needs [tls] ca"),
    ("[tls]\ncertificate = no.pem\n", 2, "no.pem cannot be read: No such file"),
    ("[tls]\nca = greeter.py\n", 2, "greeter.py is not what it should be: no certificate"),
    ("[tls]\nserver_name = a b\n", 2, "no certificate can be for the name"),
    ("[client]\nservice_config = no.json\n", 2, "no.json cannot be read: No such file"),
    ("[client]\nservice_config = greeter.py\n", 2, "greeter.py: no JSON"),
    # Plugins.
    ("[registry]\nplugin = zookeper\n", 2, "did you mean 'zookeeper'?"),
    ("[registry]\naddress =\n", 2, "expected the address of a registry server"),
    ("[registry]\nplugin = static\n", 1, "instances: must be given"),
    ("[registry]\nplugin = static\ninstances = demo.A = x\n", 3, "demo.A"),
    (
        "[registry]\nplugin = dns\ninstances = *=a:1\nrefresh_interval = 0s\n",
        4,
        "must be at least 1s",
    ),
    ("[registry]\nplugin = file\n", 1, "path: must be given"),
    ("[registry]\nplugin = file\npath = a\npoll_interval = 0s\n", 4, "must be at least 10ms"),
    ("[registry]\nplugin = zookeeper\nself_check_interval = 0s\n", 3, "must be at least 100ms"),
    ("[registry]\nplugin = etcd\nheartbeat_interval = 0s\n", 3, "must be at least 10ms"),
    ("[registry]\nplugin = zookeeper\nroot = rpcfw\n", 3, "root"),
    ("[registry]\nplugin = zookeeper\nuser = bob\n", 3, "user and password go together"),
    ("[registry]\nplugin = zookeeper\ntls = yes\ntls_ca = no.pem\n", 3, "No such file"),
    ("[registry]\nplugin = etcd\nroot = rpcfw\n", 3, "root"),
    (
        "[registry]\nplugin = etcd\naddress = tls:a:1\ntls_ca = no.pem\n",
        4,
        "no.pem cannot be read: No such file",
    ),
    ("[registry]\nplugin = etcd\nclient = etcd3\n", 2, "etcd3"),
    ("[retry]\nmax_attempts = 0\n", 2, "must be at least 1"),
    ("[retry demo.A]\nstatuses = BUSY\n", 2, "'BUSY' is no status of a failure"),
    ("[compressor gzip]\nlevel = 10\n", 2, "must be 1 to 9"),
    ("[compressor zstd]\nlevel = 20\n", 2, "must be 1 to 19"),
    ("[compression]\nplugin = lz4\n", 2, "'lz4' is not among [app] compressors"),
    ("[client]\ncompression = lz4\n", 2, "'lz4' is not among [app] compressors"),
    ("[client]\nrouters = zoness\n", 2, "did you mean 'zones'?"),
    ("[client]\nrouters = zones\n", 2, "[router zones] zone: must be given"),
    ("[client]\ninsert = mine\n", 2, "expected NAME before PLACE"),
    (
        f"{HEAD}[plugins]\nfilters.mine = extra:Mine\n[client]\ninsert = mine before ATTEMPT\n",
        6,
        "did you mean 'ATTEMPTS'?",
    ),
    (
        "[client]\nremove = METRIC\n",
        2,
        "no stack of [client] has a place 'METRIC'; did you mean 'METRICS'?",
    ),
    ("[client]\nremove = DEADLINE\n", 2, "DEADLINE cannot be removed"),
    ("[server]\nremove = AUTHX\n", 2, "did you mean 'AUTH'?"),
    ("[server]\nbuiltin = grpc_helth\n", 2, "did you mean 'grpc_health'?"),
    ("[server]\nbuiltin = grpc_channelz\n[service grpc_channelz]\nmax_results = 0\n", 4, "least 1"),
    ("[server]\nprotocols = grcp\n", 2, "did you mean 'grpc'?"),
    ("[client]\nprotocols = native, http\n", 2, "no plugin is called 'http' among protocols"),
    ("[app]\nprotocols = rest\n", 2, "no plugin is called 'rest' among protocols"),
    ("[app]\ncodecs = json, xml\n", 2, "no plugin is called 'xml' among codecs"),
    ("[plugins]\nmine = extra:Mine\n", 2, "expected GROUP.NAME = module:Class"),
    ("[plugins]\nrouter.mine = extra:Mine\n", 2, "did you mean 'routers'?"),
    (
        f"{HEAD}[plugins]\nbalancers.half = extra:Half\n[balancer]\nplugin = half\n",
        6,
        "is not whole: it has no",
    ),
    (
        f"{HEAD}[plugins]\nfilters.mine = extra:Failing\n[client]\ninsert = mine before USER\n",
        6,
        "its constructor raised ValueError: no licence (",
    ),
    (
        f"{HEAD}[plugins]\nfilters.mine = extra:Nobody\n[client]\ninsert = mine before USER\n",
        6,
        "has no attribute 'Nobody'",
    ),
    # Services.
    (f"{HEAD}[server]\nservices = greeter\n", 4, "is not written as module:Class"),
    (f"{HEAD}[server]\nservices = greeter.py\n", 4, "is not written as module:Class"),
    (f"{HEAD}[server]\nservices = greter:Greeter\n", 4, "there is no module 'greter' in [app]"),
    (f"{HEAD}[server]\nservices = greeter:Greter\n", 4, "did you mean 'Greeter'?"),
    (f"{HEAD}[server]\nservices = greeter:Plain\n", 4, "is no subclass of rpcfw.Service"),
    (f"{HEAD}[server]\nservices = rotten:A\n", 4, "No module named 'no_such_module_of_theirs' ("),
    (f"{HEAD}[server]\nservices = unfinished:A\n", 4, "SyntaxError"),
    (f"{HEAD}[server]\nservices = greeter:Broken\n", 4, "OSError: no database ("),
    (f"{HEAD}[server]\nservices = greeter:Wants\n", 4, "is made without arguments"),
    (f"{HEAD}[server]\nservices = greeter:Bare\n", 4, "parameter 'name' has no annotation"),
    (f"{HEAD}[server]\nservices = greeter:Empty\n", 4, "no method is marked"),
    (f"{HEAD}[server]\nservices = greeter:Nameless\n", 4, "has no name; write class Nameless("),
    (f"{HEAD}[server]\nservices = greeter:Odd\n", 4, "'msgpak'"),
    (f"{HEAD}[server]\nservices = greeter:Strange\n", 4, "Strange.say: the result"),
    (
        f"{HEAD}[server]\nservices = greeter:Greeter, greeter:Again\n",
        4,
        "two services are called 'demo.Greeter'",
    ),
    (f"{HEAD}[server]\nservices = greeter:Greeter ; hello\n", 4, "'greeter:Greeter ; hello'"),
    # The registry server's.
    ("[node]\nmax_lease = 60\n", 2, "has no unit"),
    ("[node]\nmax_watches = 0\n", 2, "must be at least 1, not 0"),
    ("[node]\nmin_lease = 2m\n", 2, "at most max_lease"),
    ("[node]\nsnapshot = x\n", 2, "is only for a server with a [bus]"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """
    A folder with the modules; what is imported from it is forgotten afterwards.
    """
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "etcd3", None)
    yield tmp_path
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("text", "line", "told"), MISTAKES)
def test_each_mistake_has_file_and_line(folder, text, line, told):
    """
    What is wrong in a file is told in one line, which begins with the file and the line.
    """
    file = folder / "a.ini"
    file.write_text(text)

    with pytest.raises(SettingsError) as refused:
        assemble(Sources.load([file]))

    (mistake,) = refused.value.mistakes
    assert mistake.startswith(f"{file}:{line}: ")
    assert told in mistake
    assert "\n" not in mistake


def test_an_unknown_plugin_hides_no_mistake_elsewhere(folder):
    """
    Only the section whose options depend on the plugin is not judged.
    """
    file = folder / "a.ini"
    file.write_text(
        "[balancer]\nplugin = p2\ndecay = 1s\n"
        "[client]\nrouters = tga, zone\ntimeuot = 1s\n"
        "[router tga]\ntag = x\n"
        "[router zone]\nzone = a\nmin_shar = 5%\n"
        "[health]\nwindw = 5s\n"
    )

    with pytest.raises(SettingsError) as refused:
        assemble(Sources.load([file]))

    told = [each.removeprefix(f"{file}:").split(";")[0] for each in refused.value.mistakes]
    assert [
        "2: [balancer] plugin: no plugin is called 'p2' among balancers",
        "5: [client] routers: no plugin is called 'tga' among routers",
        "6: [client] timeuot: unknown option",
        "11: [router zone] min_shar: unknown option",
        "13: [health] windw: unknown option",
    ] == told


def test_encodings(folder):
    """
    A file in another encoding is told where it begins to be one; a byte-order mark is none.
    """
    file = folder / "a.ini"
    file.write_bytes(b"[app]\nname = caf\xe9\n")
    with pytest.raises(SettingsError, match=rf"{file}:2: not UTF-8"):
        assemble(Sources.load([file]))
    file.write_bytes("\ufeff[app]\r\nname = café\r\n".encode())
    assert [] == assemble(Sources.load([file]))
    file.write_text("[app]\nname = café\n", "utf-16")
    with pytest.raises(SettingsError, match=rf"{file}:1: .*UTF-8"):
        assemble(Sources.load([file]))


def test_plugins_are_imported_from_the_python_path(folder):
    """
    A plugin beside the INI file is found as a service is.
    """
    file = folder / "a.ini"
    file.write_text(
        f"{HEAD}[plugins]\nfilters.mine = extra:Mine\n[client]\ninsert = mine before ATTEMPTS\n"
    )

    assert [] == assemble(Sources.load([file]))


def test_grpc_takes_one_line(folder):
    """
    A wire that [server] or [client] names is ready without being named in [app].
    """
    file = folder / "a.ini"
    file.write_text(
        f"{HEAD}[server]\nservices = greeter:Greeter\nprotocols = native, grpc\n"
        "[client demo.Other]\nprotocols = grpc\n"
    )

    assert [] == assemble(Sources.load([file]))


def test_options_and_services_are_told_in_one_go(folder):
    """
    A wrong option does not hide a service that cannot be imported.
    """
    file = folder / "a.ini"
    file.write_text(f"{HEAD}[server]\nservices = nowhere:A\n[client]\ntimeout = 3\n")

    with pytest.raises(SettingsError) as refused:
        assemble(Sources.load([file]))

    assert [f"{file}:6", f"{file}:4"] == [
        mistake.partition(": ")[0] for mistake in refused.value.mistakes
    ]
