"""
The console in a real browser, with a fleet of real processes.

The tests share the fleet and the browser, and leave both as they found them. With ``PICTURES=1``
in the environment they make the pictures of ``docs/console.md``.
"""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.keys import Keys

from tests.real.console_fleet.browser import Browser
from tests.real.console_fleet.contrast import CONTRAST
from tests.real.console_fleet.fleet import MANY_INSTANCES, MANY_SERVICES, PASSWORD, Fleet

ORDERS = "name=shop.Orders"
RULE = f"/rule?scope=service&{ORDERS}"
#: For a page to be there.
LARGE_S = 1.0
#: Every page that a link leads to.
PAGES = (
    "/",
    "/?q=shop",
    "/applications",
    "/live",
    "/live?service=shop.Orders",
    "/graph",
    f"/service?{ORDERS}",
    "/rules",
    RULE,
    f"/release?{ORDERS}",
    "/call?service=shop.Orders&method=place",
    "/explain?service=shop.Orders&method=place",
    "/audit",
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as started:
        yield started


@pytest.fixture(scope="module")
def window(fleet, tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("browser"), fleet.console)
    yield opened
    opened.close()


@pytest.fixture
def browser(fleet, window):
    """
    The browser, with nobody logged in; it has nothing to complain about afterwards.
    """
    window.place = fleet.console
    window.forget()
    window.errors()
    yield window
    # A page that is refused is an error to the browser.
    assert [] == [each for each in window.errors() if "the server responded with" not in each]


def instances(browser):
    """
    Return the rows of the table of instances, by their versions; nothing between two pages.
    """
    # Titles and rows at once: the page may be replaced meanwhile.
    titles, rows = browser.script(
        "const texts = (cells) => [...cells].map((cell) => cell.innerText.trim());"
        "const rows = document.querySelectorAll('#instance-table tbody tr');"
        "return [texts(document.querySelectorAll('#instance-table th')),"
        " [...rows].map((row) => texts(row.cells))]"
    )
    found = [dict(zip(titles, row, strict=True)) for row in rows]
    return {one["Version"]: one for one in found}


def cell(browser, version, title):
    """
    Return what the table of instances says of one version; None between two pages.
    """
    return instances(browser).get(version, {}).get(title)


def is_called(browser, version):
    """
    Return whether an instance has calls; None between two pages.
    """
    rate = cell(browser, version, "Calls/s")
    return None if rate is None else float(rate or 0) > 0


def test_login(browser):
    """
    A wrong password is refused, and the right one leads to the page that was asked for.
    """
    browser.open(f"/service?{ORDERS}")
    browser.login("ann", "wrong horse battery")
    browser.see("#problem")
    browser.login("ann")
    browser.see("#service-name", "shop.Orders")
    browser.click("#logout")
    browser.see("#login")
    browser.open("/")
    browser.see("#login")


def test_search(browser):
    """
    A part of a name, an address, a zone finds services, applications and instances.
    """
    browser.enter("vera")
    browser.until(lambda: ["shop.Orders", "shop.Stock"] == browser.texts("#service-table td a"))
    browser.until(lambda: "live" == browser.text("#live-state"))
    browser.picture("services")
    browser.keys("/")
    browser.keys("south\n")
    browser.see("#found-instances", "shop.Orders")
    browser.click("#found-instances a")
    browser.see("#instance", "2.1")
    browser.open("/applications")
    browser.see("#application-table", "orders")
    browser.type("#search", "sto\n")
    browser.until(lambda: ["stock"] == browser.texts("#application-table td:first-child"))


def test_calls_are_live(fleet, browser):
    """
    Calls, errors and times change on the page without loading it again.
    """
    browser.enter("vera", "/live")
    browser.see("#load-table", "shop.Orders")
    browser.script("window.same = true")
    shown = browser.text("#load-table")
    browser.until(lambda: browser.text("#load-table") != shown)
    browser.see("#process-table", fleet.web)
    assert browser.script("return window.same")
    browser.picture("calls")
    browser.click("#load-table a[href$='shop.Orders']")
    browser.see("#load-table", "place")


def test_who_calls_whom(browser):
    """
    Applications are drawn with their calls; one of them can be chosen.
    """
    browser.enter("vera", "/graph")
    browser.see("#edge-table", "shop.Stock")
    browser.until(lambda: {"web", "orders", "stock"} <= {*browser.texts("#call-graph text")})
    browser.picture("graph")
    browser.click("#edge-table a[href='/graph?name=web']")
    browser.see("main", "Calls from and to web")
    browser.until(lambda: "shop.Stock" not in browser.text("#edge-table"))


def _put(browser, text, reason):
    browser.type("#text", text)
    browser.type("#reason", reason)
    browser.click("#put")


def test_a_rule(browser):
    """
    A wrong rule is refused with its line, a dry run shows the shares, a right one is stored.
    """
    browser.enter("olaf", RULE)
    text = "[router split]\nshares = 25% version=2.1, 75% version=2.0\n"
    _put(browser, "[retry]\nmax_attemps = 2\n", "try more often")
    assert "max_attempts" in browser.see("#mistakes", "max_attemps")
    browser.type("#text", text)
    browser.click("#try")
    browser.see("#preview", "25.0%")
    browser.picture("dry-run")
    browser.type("#reason", "a quarter for 2.1")
    browser.click("#put")
    browser.see("#rule-version", "a quarter for 2.1")
    _put(browser, "[retry]\nmax_attempts = 2\n", "no longer")
    browser.see("#rule-version", "no longer")
    # Back to the first one.
    browser.click("#history li:nth-child(2) summary")
    browser.type("#history li:nth-child(2) [name=reason]", "it was right")
    browser.click("#history li:nth-child(2) form button")
    browser.see("#rule-version", "it was right")
    assert text.strip() == browser.script("return document.getElementById('text').value").strip()
    _put(browser, " ", "clean up")
    browser.see("#rule-version", "There is no such document")


def test_a_disabled_instance(browser):
    """
    Calls leave an instance that is disabled, and come back when it is enabled.
    """
    browser.enter("olaf", f"/service?{ORDERS}")
    browser.until(lambda: is_called(browser, "2.0") and is_called(browser, "2.1"))
    for action, state, calls in (("disable", "disabled", False), ("enable", "enabled", True)):
        browser.click_in_row("2.0")
        browser.type("#reason", f"{action} it")
        browser.click(f"#{action}")
        browser.until(lambda: state == cell(browser, "2.0", "Calls"))  # noqa: B023
        browser.until(lambda: calls is is_called(browser, "2.0"))  # noqa: B023
        browser.until(lambda: is_called(browser, "2.1"))


def test_a_weight(browser):
    """
    A weight by rule is shown with the one that is announced, until it is taken back.
    """
    browser.enter("olaf", f"/service?{ORDERS}")
    for weight, shown in (("10", "10 (announced 100)"), ("", "100")):
        browser.click_in_row("2.1")
        browser.type("#weight", weight)
        browser.type("#reason", "try it")
        browser.click("#set-weight")
        browser.until(lambda: shown == cell(browser, "2.1", "Weight"))  # noqa: B023


def test_a_grey_release(browser):
    """
    A new version gets a share that is tried first, then a larger one, then what is configured.
    """
    browser.enter("olaf", f"/release?{ORDERS}")
    browser.type("#percent", "5")
    browser.click("#try")
    browser.see("#preview", "5.0%")
    browser.open(f"/release?{ORDERS}")
    for percent in ("5", "50"):
        browser.type("#percent", percent)
        browser.type("#reason", f"{percent} percent for 2.1")
        browser.click("#go")
        browser.see("#shares", f"{percent}.0 %")
    browser.picture("release")
    browser.type("#end [name=reason]", "it is over")
    browser.click("#end-release")
    browser.see("#shares", "No rule divides the calls")


def test_a_call(browser):
    """
    A form with a field for each argument calls a method, and shows what came of it.
    """
    browser.enter("olaf", f"/service?{ORDERS}")
    browser.click("#to-call")
    browser.see("#choose-method", "place")
    browser.script("document.getElementById('choose-method').value = 'place'")
    browser.click("#choose button")
    browser.type("[name='argument.item']", "book")
    browser.type("[name='argument.amount']", "3")
    browser.script("document.getElementsByName('argument.speed')[0].value = 'express'")
    browser.type("#reason", "see whether it works")
    browser.click("#send")
    assert "OK" == browser.see("#status")
    assert {"item": "book", "amount": 3, "speed": "express"} == json.loads(
        browser.text(".response")
    )
    browser.picture("call")
    browser.type("[name='argument.item']", "unicorn")
    browser.type("#reason", "see whether it fails")
    browser.click("#send")
    browser.see("#status", "nobody sells a unicorn")


def test_why_a_call_goes_there(browser):
    """
    Where a call would go is shown with the shares, and with what decides.
    """
    browser.enter("vera", f"/service?{ORDERS}")
    browser.click("#to-explain")
    browser.type("#request", '{"item": "book 7"}')
    browser.type("#method", "place\n")
    browser.see("#explained", "100.0%")
    browser.see("#explained", "the key 'book 7'")
    browser.see("#explanation", "weighted_random")
    browser.picture("explain")


def test_the_audit_trail(browser):
    """
    Who changed what, and why, is there for admins; so is what was refused.
    """
    browser.enter("olaf", RULE)
    _put(browser, "[nonsense]\n", "for the audit trail")
    browser.see("#mistakes")
    browser.open("/audit")
    browser.see("#problem", "role admin")
    browser.enter("ann", "/audit?q=for+the+audit+trail")
    row = browser.see("#audit-table tbody tr")
    assert all(words in row for words in ("olaf", "policies of service shop.Orders", "refused"))
    browser.open("/audit")


def test_a_viewer_is_refused(browser):
    """
    A viewer sees no button that changes anything, and a form that is sent nevertheless is refused.
    """
    browser.enter("vera", f"/service?{ORDERS}")
    browser.click("#instance-table a")
    browser.see("#instance")
    assert not browser.has("#change")
    browser.open(RULE)
    browser.see("pre#text")
    assert not browser.has("#put")
    token = browser.script("return document.querySelector('[name=csrf]').value")
    for path in ("/rule/put", "/rule/roll-back", "/instance/change", "/release/step", "/call"):
        form = f"csrf={token}&reason=x&scope=service&kind=policies&name=shop.Orders&text=&version=0"
        assert 403 == browser.fetch(path, form)


def test_a_session_that_has_ended(fleet, browser):
    """
    A page that only looks keeps no session alive; after the login it is there again.
    """
    browser.place = fleet.large
    browser.enter("vera", "/service?name=shop.team7.Service007")
    browser.until(lambda: 401 == browser.fetch("/", None))
    browser.script("location.reload()")
    browser.see("#login")
    browser.login("vera")
    browser.see("#service-name", "shop.team7.Service007")


def test_a_large_fleet_is_there_at_once(fleet, browser):
    """
    200 services with 2,000 instances are shown within a second, and searched as fast.
    """
    browser.place = fleet.large
    browser.enter("vera")
    browser.see("#service-count", str(MANY_SERVICES))
    browser.see("#instance-count", str(MANY_SERVICES * MANY_INSTANCES))
    assert MANY_SERVICES == len(browser.texts("#service-table tbody tr"))
    for path in ("/", "/?q=Service123"):
        # Again if a busy neighbour made it slow.
        assert any(browser.load_time_s(path) < LARGE_S for _ in range(10))


def test_keys_are_enough(browser):
    """
    Whoever has no mouse gets over the links of the page, logs in, searches, and opens a service.
    """
    browser.open("/")
    browser.until(lambda: "name" == browser.focused())
    browser.keys("vera", Keys.TAB)
    browser.keys(PASSWORD, Keys.ENTER)
    browser.see("#service-table", "shop.Orders")
    browser.keys(Keys.TAB)
    assert "Skip to the content" == browser.focused()
    browser.keys(Keys.ENTER)
    assert "main" == browser.focused()
    browser.keys("/")
    assert "search" == browser.focused()
    browser.keys("stock", Keys.ENTER)
    browser.until(lambda: ["shop.Stock"] == browser.texts("#service-table td a"))
    browser.keys("/")
    browser.keys(Keys.TAB)
    browser.keys(Keys.TAB)
    assert "shop.Stock" == browser.focused()
    # The list is replaced when calls are counted again, and the link keeps the focus.
    shown = browser.text("#service-table")
    browser.until(lambda: shown != browser.text("#service-table"))
    assert "shop.Stock" == browser.focused()
    browser.keys(Keys.ENTER)
    browser.see("#service-name", "shop.Stock")


COUNT_LOADS = """
window.loads = 0;
const load = window.fetch;
window.fetch = (...all) => { window.loads += 1; return load(...all); };
const part = document.querySelector("#instances");
part.insertAdjacentHTML("beforeend", "<input id='typed'> <button id='elsewhere'>");
"""


def test_what_was_typed_stays(browser):
    """
    A reason that was typed stays when the page is updated, also if the focus is elsewhere.
    """
    browser.enter("olaf", f"/service?{ORDERS}")
    browser.see("#live-state", "live")
    browser.script(COUNT_LOADS)
    browser.type("#typed", "too slow")
    browser.click("#elsewhere")
    loads = browser.script("return window.loads")
    browser.until(lambda: browser.script("return window.loads") >= loads + 2)
    assert "too slow" == browser.script("return document.querySelector('#typed')?.value")
    browser.script("document.querySelector('#typed').value = ''")
    browser.until(lambda: not browser.has("#typed"))


def test_a_phone(browser):
    """
    No page is wider than a phone.
    """
    browser.enter("ann")
    browser.emulate(
        "Emulation.setDeviceMetricsOverride",
        width=360,
        height=740,
        deviceScaleFactor=1,
        mobile=True,
    )
    wide = []
    for path in PAGES:
        browser.open(path)
        width = browser.script("return document.scrollingElement.scrollWidth")
        wide += [(path, width)] if width > 360 else []
    assert [] == wide
    browser.open(f"/service?{ORDERS}")
    browser.until(lambda: "live" == browser.text("#live-state"))
    browser.picture("phone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(browser, scheme):
    """
    Each text has a contrast of at least 4.5 to what is behind it, as WCAG 2.2 says (1.4.3).
    """
    browser.enter("ann")
    browser.emulate(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    for path in PAGES:
        browser.open(path)
        assert [] == browser.script(CONTRAST)
    browser.open(f"/service?{ORDERS}")
    browser.until(lambda: "live" == browser.text("#live-state"))
    browser.until(lambda: all(one["Calls/s"] for one in instances(browser).values()))
    browser.picture(f"service-{scheme}")
