"""
Rules that would take away what protects a process.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import PermissionDenied
from rpcfw.values.rule import application_scope, service_scope
from tests.lab.services import Greeter
from tests.lab.test_rules import put, refusals

GREETER = service_scope("demo.Greeter")
FALLBACK = "[client]\ninsert = fallback before ATTEMPTS\n[filter fallback]\nvalue = []\n"


@pytest.mark.parametrize(
    "document",
    [
        "[filter access]\nrules = allow method=*\n",
        "[filter access]\ndefault = allow\nrules = deny method=other\n",
        "[filter access]\nrules =\n",
    ],
)
def test_rules_open_no_server(lab, document):
    """
    Who may call is decided by the configuration and the program, and not in the registry.
    """
    sets = (
        "server.insert=access after AUTH",
        "filter access.rules=deny method=say",
        "filter access.default=allow",
    )
    server = lab.serve(Greeter("a", lab.clock), name="a", sets=sets)
    greeter = lab.consumer().application.client(Greeter)
    put(lab, server, application_scope("a"), document)
    with pytest.raises(PermissionDenied):
        lab.run(greeter.say("bob"))
    assert 1 == refusals(server)
    replaced = {"rules": "deny method=who", "default": "allow"}
    lab.run(server.application.policies.replace("filter access", replaced))
    lab.run(greeter.say("bob"))


@pytest.mark.parametrize(
    "document",
    [
        FALLBACK,
        "[client]\ninsert =\n",
        "[client]\nremove = audit\n",
        "[filter audit]\nmax_lines = 1\n",
    ],
)
def test_rules_hide_no_calls(lab, document):
    """
    A filter that records calls stays where it is configured, as it is.
    """
    process = lab.consumer("client.insert=audit before ATTEMPTS", "filter audit.calls=all")
    process.application.client(Greeter)
    put(lab, process, GREETER, document)
    (client,) = process.application.clients
    assert 1 == refusals(process)
    options = client.policies.plugins["filter audit"].options
    assert ("all", 1000) == (options.calls, options.max_lines)
    put(lab, process, GREETER, FALLBACK.replace("ATTEMPTS", "ATTEMPTS, audit before ATTEMPTS"))
    assert {"filter audit", "filter fallback"} <= client.policies.plugins.keys()
    lab.run(process.application.policies.replace("filter audit", {"calls": "refused"}))
    assert "refused" == client.policies.plugins["filter audit"].options.calls
    assert 1 == refusals(process)
