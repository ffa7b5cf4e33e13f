"""
Rules, instances, releases and calls in the console.
"""

from __future__ import annotations

import pytest

from rpcfw.console.pages import calls
from rpcfw.errors import RegistryError
from rpcfw.spi.rules import RuleConflict
from rpcfw.spi.runtime.readings import read
from rpcfw.spi.service import Service, method
from rpcfw_inspection.schema import MethodSchema, SchemaService
from tests.lab.browser import Browser, console_of
from tests.lab.services import Greeter

SPLIT = (
    "client.routers=split",
    "router split.shares=100% version=1.*",
    "router split.key=argument name",
)
RULE = {"scope": "service", "name": "demo.Greeter", "kind": "policies"}
INSTANCES = {**RULE, "kind": "instances"}


@pytest.fixture
def console(lab):
    console = console_of(lab, *SPLIT)
    yield console
    lab.run(console.stop())


@pytest.fixture
def browser(lab, console):
    lab.serve(Greeter("a"), name="a", sets=["server.version=1.0"])
    lab.serve(Greeter("b"), name="b", sets=["server.version=2.0"])
    browser = Browser(lab, console)
    browser.log_in("operator")
    lab.advance(11)
    return browser


def test_a_rule_is_stored_with_its_author(browser):
    """
    A rule that is right is stored, and the history says who did it and why.
    """
    text = "[retry]\r\nmax_attempts = 2\r\n"
    answer = browser.post("/rule/put", **RULE, text=text, version=0, reason="too many")
    assert 303 == answer.status
    page = browser.get(answer.location).text
    assert "Version 1, put by operator@console" in page
    assert "too many" in page
    assert "max_attempts = 2" in page


def test_a_wrong_rule_is_refused(lab, browser):
    """
    A mistake is shown with its line and the nearest name; the text stays in the form.
    """
    text = "[retry]\nmax_attemps = 2\n"
    answer = browser.post("/rule/put", **RULE, text=text, version=0)
    assert 422 == answer.status
    assert "policies:2: " in answer.text
    assert "did you mean 'max_attempts'" in answer.text
    assert "max_attemps = 2" in answer.text
    assert "There is no such document" in browser.get("/rule?scope=service&name=demo.Greeter").text


def test_a_change_of_somebody_else_is_not_overwritten(browser):
    """
    A form that was loaded before the change of another user is refused.
    """
    first = browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 2\n", version=0)
    second = browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 3\n", version=0)
    assert (303, 409) == (first.status, second.status)


def test_a_change_without_an_answer_is_not_called_refused(browser, console, monkeypatch):
    """
    Nobody knows whether it was stored: the audit trail does not say that it was not.
    """

    async def lost(*_):
        raise RegistryError("not answered; the change may have been stored all the same")

    monkeypatch.setattr(console.application.rules, "put", lost)
    text = "[retry]\nmax_attempts = 2\n"
    answer = browser.post("/rule/put", **RULE, text=text, version=0, reason="one")
    assert 502 == answer.status
    assert text in answer.text
    assert "failed: not answered" in console.audit.entries[0].result


def test_an_instance_that_somebody_else_has_changed(browser, console, monkeypatch):
    """
    A conflict is one in each form: it was read before the change of another user.
    """

    async def conflict(*_):
        raise RuleConflict("it was changed by bob")

    monkeypatch.setattr(console.application.rules, "put", conflict)
    form = {"service": "demo.Greeter", "id": "x", "do": "disable"}
    assert 409 == browser.post("/instance/change", **form).status


def test_a_dry_run_shows_the_shares(lab, browser, console):
    """
    A dry run shows which instances would get another share, and stores nothing.
    """
    text = "[router split]\nshares = 25% version=2.*, 75% version=1.*\n"
    page = browser.post("/rule/try", **RULE, text=text, version=0).text
    assert "+shares = 25% version=2.*" in page
    assert "25.0%" in page
    assert "75.0%" in page
    assert "There is no such document" in browser.get("/rule?scope=service&name=demo.Greeter").text
    explained = browser.get("/explain?service=demo.Greeter&method=say").text
    assert "100.0%" in explained


def test_an_explanation_connects_to_nothing_for_long(lab, browser, console, monkeypatch):
    """
    Whoever may only look cannot have the console stay connected to each service of the fleet.
    """
    browser.log_in("viewer")
    url = "/explain?service=demo.Greeter&method=say"
    assert "100.0%" in browser.get(url).text
    assert () == tuple(console.application.clients)
    monkeypatch.setattr(calls, "_MAX_EXPLAINED", 1)
    assert (
        "demo.Greeter has 2 instances; among more than 1 use rpcfw explain" in browser.get(url).text
    )


def test_few_wait_for_an_explanation(lab, browser):
    """
    Many who ask at once are told to come again, and the others get their answer.
    """
    url = "/explain?service=demo.Greeter&method=say"
    wires = [browser.send("GET", url) for _ in range(12)]
    lab.until(lambda: all(b"</html>" in wire.received for wire in wires))
    statuses = [wire.received.split(b" ")[1] for wire in wires]
    assert [b"200"] * 9 + [b"503"] * 3 == sorted(statuses)
    for wire in wires:
        wire.transport.loseConnection()
    lab.advance(1)


def test_a_rule_is_rolled_back(browser):
    """
    The text of an earlier version becomes a new version.
    """
    browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 2\n", version=0)
    browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 7\n", version=1)
    answer = browser.post("/rule/roll-back", **RULE, version=2, to=1)
    assert 303 == answer.status
    page = browser.get(answer.location).text
    assert "Version 3, put by operator@console" in page
    assert "max_attempts = 2\n</textarea>" in page


def test_an_empty_text_removes_the_rule(browser):
    """
    A document without text is none.
    """
    browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 2\n", version=0)
    browser.post("/rule/put", **RULE, text=" ", version=1)
    assert "There is no such document" in browser.get("/rule?scope=service&name=demo.Greeter").text


def test_rules_of_applications_are_for_admins(browser):
    """
    An operator changes the rules of services alone.
    """
    form = {**RULE, "scope": "application", "text": "[app]\nlog_level = debug\n", "version": 0}
    assert 403 == browser.post("/rule/put", **form).status
    browser.log_in("admin")
    assert 303 == browser.post("/rule/put", **form).status


def test_an_instance_is_disabled_and_enabled(lab, browser):
    """
    Calls leave a disabled instance, and come back.
    """
    form = {"service": "demo.Greeter", "id": "memory:a"}
    assert 303 == browser.post("/instance/change", **form, do="disable").status
    assert "disabled" in browser.get("/service?name=demo.Greeter").text
    lab.advance(1)
    assert "disabled by" in browser.get("/explain?service=demo.Greeter&method=say").text
    assert 303 == browser.post("/instance/change", **form, do="enable").status
    assert "disabled" not in browser.get("/service?name=demo.Greeter").text


def test_a_weight(browser):
    """
    A weight by rule is shown beside the one that is announced, and taken back.
    """
    form = {"service": "demo.Greeter", "id": "memory:a", "do": "weight"}
    browser.post("/instance/change", **form, weight="7")
    assert "(announced 100)" in browser.get("/service?name=demo.Greeter").text
    browser.post("/instance/change", **form, weight="")
    assert "(announced 100)" not in browser.get("/service?name=demo.Greeter").text
    assert 400 == browser.post("/instance/change", **form, weight="-1").status


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/rule/put", {**RULE, "text": "", "version": 0}),
        ("/rule/roll-back", {**RULE, "version": 0, "to": 1}),
        ("/instance/change", {"service": "demo.Greeter", "id": "memory:a", "do": "disable"}),
        ("/release/step", {**RULE, "new": "version=2.*", "old": "version=1.*", "percent": 5}),
        ("/call", {"service": "demo.Greeter", "method": "say", "request": "{}"}),
    ],
)
def test_what_a_viewer_may_not_do(browser, path, form):
    """
    A viewer changes nothing and calls nothing, whatever form is sent; the attempt is written down.
    """
    browser.log_in("viewer")
    assert 403 == browser.post(path, **form).status
    browser.log_in("admin")
    assert "refused: viewer may not" in browser.get("/audit").text


def test_each_change_has_a_reason(browser):
    """
    Without a reason nothing is changed.
    """
    form = {**RULE, "text": "[retry]\nmax_attempts = 2\n", "version": 0, "reason": " "}
    assert 400 == browser.post("/rule/put", **form).status
    assert "There is no such document" in browser.get("/rule?scope=service&name=demo.Greeter").text


def test_the_audit_trail_has_each_change(browser):
    """
    What was done, what was refused, who did it and why.
    """
    browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 2\n", version=0, reason="one")
    browser.post("/rule/put", **RULE, text="[retri]\n", version=1, reason="two")
    browser.log_in("admin")
    page = browser.get("/audit").text
    for text in (
        "policies of service demo.Greeter: version 1",
        "one",
        "two",
        "refused: policies:1",
    ):
        assert text in page


def test_a_grey_release(lab, browser):
    """
    A step gives the new instances a share, and the end of the release takes the shares away.
    """
    assert "No rule divides the calls" in browser.get("/release?name=demo.Greeter").text
    form = {**RULE, "new": "version=2.*", "old": "version=1.*"}
    tried = browser.post("/release/try", **form, percent="25", version=0).text
    assert "25.0%" in tried
    assert 303 == browser.post("/release/step", **form, percent="25", version=0).status
    assert "25.0 %" in browser.get("/release?name=demo.Greeter").text
    assert 303 == browser.post("/release/step", **form, end="yes", version=1).status
    assert "No rule divides the calls" in browser.get("/release?name=demo.Greeter").text


def test_a_release_is_one_of_a_service(browser):
    """
    A form that somebody has made by hand cannot put a step of a release for an application.
    """
    browser.log_in("admin")
    form = {"scope": "application", "name": "demo.Greeter", "kind": "policies", "version": 0}
    step = {"new": "version=2.*", "old": "version=1.*", "percent": "25"}
    assert 303 == browser.post("/release/step", **form, **step).status
    assert "No rule divides" not in browser.get("/release?name=demo.Greeter").text
    stored = browser.get("/rule?scope=application&name=demo.Greeter&kind=policies").text
    assert "version=2.*" not in stored


def test_a_version_that_the_history_has_not(browser):
    """
    Nothing is rolled back to a version that is not known, and that is a mistake of the form.
    """
    assert (
        303
        == browser.post("/rule/put", **RULE, text="[retry]\nmax_attempts = 2\n", version=0).status
    )
    answer = browser.post("/rule/roll-back", **RULE, version=1, to=7)
    assert (400, True) == (answer.status, "has no version 7 any longer" in answer.text)


@pytest.mark.parametrize(
    "wrong",
    [{"percent": "101"}, {"percent": "x"}, {"percent": "nan"}, {"new": "version=2.*, 9% zone=a"}],
)
def test_a_wrong_step(browser, wrong):
    """
    A step that says no share, or more than one, is refused.
    """
    form = {**RULE, "new": "version=2.*", "old": "version=1.*", "percent": "5", "version": 0}
    assert 400 == browser.post("/release/step", **{**form, **wrong}).status


def test_a_method_is_called(browser):
    """
    The result of a call is shown, and so is the error of one that failed.
    """
    form = {"service": "demo.Greeter", "method": "say"}
    assert "hello bob" in browser.post("/call", **form, request='{"name": "bob"}').text
    failed = browser.post("/call", **form, request='{"nam": "bob"}')
    assert "INVALID_ARGUMENT" in failed.text
    wrong = browser.post("/call", **form, request="{")
    assert 400 == wrong.status
    assert "the request is no JSON" in wrong.text


def test_one_instance_is_called(lab, browser):
    """
    A call to an instance goes there, whatever its weight is.
    """
    instance = browser.get("/service?name=demo.Greeter").text.split('data-instance="')[2]
    id = instance.partition('"')[0]
    form = {"service": "demo.Greeter", "method": "say", "request": '{"name": "bob"}', "to": id}
    answer = browser.post("/call", **form)
    assert "hello bob" in answer.text
    gone = browser.post("/call", **{**form, "to": "none"})
    assert "there is no instance none" in gone.text


def test_a_form_of_a_method(lab, browser):
    """
    A provider that describes its methods has a field for each argument.
    """
    lab.serve(Greeter("c"), name="0", sets=["server.builtin=schema", "server.version=1.0"])
    lab.advance(1)
    page = browser.get("/call?service=demo.Greeter&method=slow").text
    assert 'name="argument.seconds"' in page
    form = {"service": "demo.Greeter", "method": "say", "as": "fields"}
    assert "hello bob" in browser.post("/call", **form, **{"argument.name": "bob"}).text
    slow = {**form, "method": "slow", "argument.seconds": "x"}
    assert "seconds: expected a number; got 'x'" in browser.post("/call", **slow).text


def not_served(provider):
    """
    Return how many requests a provider got for what it does not serve.
    """
    found = read(provider.application.runtime.plugin_context.meter)
    (counted,) = [one for one in found if one.name == "rpcfw_server_requests_not_served_total"]
    return sum(dict(counted.values).values())


def test_a_server_without_schema_is_asked_once(lab, console):
    """
    A server that does not describe its methods is asked once, and again after some minutes.
    """
    provider = lab.serve(Greeter("a"), name="a")
    browser = Browser(lab, console)
    browser.log_in()
    lab.advance(11)
    counts = []
    for _ in range(7):
        browser.get("/call?service=demo.Greeter&method=say")
        counts.append(not_served(provider))
        lab.advance(60)
    assert [1, 1, 1, 1, 1, 2, 2] == counts


class Boaster(Service, name=SchemaService.service_name):
    """
    Describes more than any server of ours does.
    """

    @method(idempotent=True)
    async def describe(self, service: str) -> list[MethodSchema]:
        short = '{"type": "object", "properties": {"a": {"type": "integer"}}}'
        schemas = [short + " " * 70_000, *[short] * 1999]
        return [MethodSchema(f"m{at}", "unary", each) for at, each in enumerate(schemas)]


def test_what_a_server_describes_is_bounded(lab, console):
    """
    Of methods only so many are shown, and none has a form from a schema that is too long.
    """
    lab.serve(Boaster(), Greeter("a"), name="a")
    lab.advance(11)
    found = lab.run(console.schemas.methods("demo.Greeter"))
    assert (500, None, 1) == (len(found), found[0].fields, len(found[1].fields))
