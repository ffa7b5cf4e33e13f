"""
Who may see which page.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.logger import capturedLogs, formatEvent

from rpcfw.admin.options import AdminOptions
from rpcfw.errors import Overloaded, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.authenticator import Authenticator, BearerAuthenticator, CredentialsRefused
from rpcfw.spi.page_content import Facts, PageContent
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.caller_identity import CallerIdentity
from tests.admin_site import answer, get, page, site_of

RULES = """
    deny host=10.9.0.0/16
    allow page=livez
    allow identity=jwt:ann & action=read
    allow identity=jwt:bob
"""


class Tokens(BearerAuthenticator):
    """
    Whose token it is stands in it.
    """

    async def identity_of(self, token, call):
        if token == "wrong":
            raise CredentialsRefused("it is wrong")
        return CallerIdentity((f"jwt:{token}",))


class Busy(Authenticator):
    """
    Has no time.
    """

    async def authenticate(self, call):
        raise Overloaded("too many signatures; try again later")


class Reading(Authenticator):
    """
    Keeps the call that it is asked about.
    """

    async def authenticate(self, call):
        self.call = call


def options(**texts):
    return options_of(AdminOptions, **texts)


def site(*pages, access=RULES, authenticators=(Tokens,), **texts):
    context = plugin_context()
    made = [each(NoOptions(), context) for each in authenticators]
    shown = pages or (page(), page(path="/livez", probe=True))
    return site_of(
        *shown, context=context, options=options(access=access, **texts), authenticators=made
    )


def status(site, target="/shown", token="", peer="10.0.0.7:4711", **headers):
    if token:
        headers["authorization"] = f"Bearer {token}"
    return answer(site, evolve(get(target, **headers), peer=peer)).status


def test_rules_decide_by_identity_page_and_host():
    """
    A rule that denies comes first; what no rule is about is refused.
    """
    shown = site()

    assert 200 == status(shown, token="ann")
    assert 403 == status(shown, token="eve")
    assert 403 == status(shown, token="bob", peer="10.9.0.7:4711")
    assert 200 == status(shown, "/livez")
    assert 403 == status(shown, "/livez", peer="10.9.0.7:4711", token="ann")


def test_without_credentials_they_are_asked_for():
    """
    A caller without an identity gets 401 and the scheme, as RFC 9110 has it.
    """
    reply = answer(site(), get())

    assert 401 == reply.status
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_wrong_credentials_open_nothing():
    """
    They are refused, also for a page that needs none.
    """
    assert 401 == status(site(), "/livez", token="wrong")


def test_pages_are_not_told_to_strangers():
    """
    Who may see nothing does not learn which pages there are.
    """
    shown = site()

    assert 401 == status(shown, "/")
    assert 401 == status(shown, "/none")
    assert 404 == status(shown, "/none", token="bob")
    assert 200 == status(shown, "/", token="bob")


def test_without_rules_everybody_may_see_everything():
    """
    That is for ports that only this machine reaches.
    """
    assert 200 == status(site(access="", authenticators=()))


def test_the_log_says_who_was_refused():
    """
    The caller learns no more than that; the reason is for the log.
    """
    with capturedLogs() as logged:
        reply = answer(site(), evolve(get(authorization="Bearer eve"), peer="10.0.0.7:1"))

    assert b"no rule" not in reply.body
    lines = [formatEvent(each) for each in logged]
    assert ["jwt:eve from 10.0.0.7:1 may not see the admin page shown: no rule allows it"] == lines


def test_an_authenticator_sees_a_call():
    """
    A request is a call of rpcfw.Admin, whose metadata are the headers.
    """
    context = plugin_context()
    reading = Reading(NoOptions(), context)
    shown = site_of(page(changes=True), context=context, authenticators=[reading])

    answer(shown, get("/shown?a=1", "POST", b"body", x_name="value"))

    assert "rpcfw.Admin/shown" == reading.call.method.path
    assert "value" == reading.call.metadata.get("x-name")
    assert b"body" == reading.call.request.body


def test_an_authenticator_without_time():
    """
    Its refusal is no refusal of the credentials.
    """
    assert 503 == status(site(authenticators=(Busy,)))


def changing(**texts):
    def render(request):
        return PageContent([Facts("done", {"method": request.method})])

    return site(page(render, changes=True), **texts)


def post(site, token="", **headers):
    if token:
        headers["authorization"] = f"Bearer {token}"
    return answer(site, get(method="POST", **headers)).status


def test_pages_that_change_something_must_be_allowed():
    """
    By the option, and by a rule for the action.
    """
    assert 403 == post(changing(), "bob")
    assert 403 == post(changing(changes="yes"), "ann")
    assert 200 == post(changing(changes="yes"), "bob")


def test_a_page_that_changes_something_takes_post_alone():
    """
    A link cannot change anything.
    """
    shown = changing(changes="yes")

    reply = answer(shown, get(authorization="Bearer bob"))

    assert 405 == reply.status
    assert "POST" == reply.headers["Allow"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
        {"origin": "https://attacker.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:80"},
    ],
)
def test_a_page_of_somebody_else_changes_nothing(headers):
    """
    A request that a browser made for another page is refused.
    """
    assert 403 == post(changing(access="", changes="yes"), **headers)


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:2290"}],
)
def test_our_own_requests(headers):
    """
    A program sends no such headers; a browser says that the request is from here.
    """
    assert 200 == post(changing(access="", changes="yes"), **headers)


def test_a_link_from_elsewhere_may_show_a_page():
    """
    But it starts nothing that takes long, and other requests from elsewhere are refused.
    """
    shown = site_of(page(), page(path="/long", exclusive=True))
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    image = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}

    assert 200 == answer(shown, get(**link)).status
    assert 403 == answer(shown, get("/long", **link)).status
    assert 403 == answer(shown, get(**image)).status
    assert 403 == answer(shown, get("/", **image)).status


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"listen": "tcp:0.0.0.0:2290"}, "say who may see the pages, with .admin. access"),
        ({"access": "allow service=a"}, "service"),
        ({"access": "allow identity=shop"}, "write its kind before it"),
        ({"access_file": "/none/rules"}, "cannot be read"),
        ({"listen": "tcp:127.0.0.1:1", "pages": ""}, "name at least one"),
        ({"extra_pages": "status"}, "status is among"),
        ({"max_connections": "0"}, "at least 1"),
        ({"request_timeout": "0s"}, "more than 0s"),
    ],
)
def test_options_that_cannot_be(texts, reason):
    """
    Each mistake is found at the start, and the error says what to do.
    """
    with pytest.raises(SettingsError, match=reason):
        options(**texts)


@pytest.mark.parametrize(
    "listen",
    ["tcp:127.0.0.1:2290", "tcp:127.8.8.8:1", "tcp:[::1]:1", "tcp:localhost:1", "unix:/run/a"],
)
def test_addresses_of_this_machine(listen):
    """
    They need no rules.
    """
    assert options(listen=listen).listen


def test_with_rules_others_may_be_let_in():
    """
    Any address goes with rules of access, from the option or from a file.
    """
    assert options(listen="tcp:0.0.0.0:2290", access="allow host=10.0.0.0/8").listen
