"""
Chromium, as a person uses it: what is on a page is waited for, and typed and clicked.

A live page replaces its parts at any time. So nothing here keeps an element of a page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.house.tree import ROOT
from tests.real.console_fleet.fleet import PASSWORD
from tests.requirements import require

__all__ = ["Browser"]

T = TypeVar("T")

#: However slow the machine, what takes longer does not come.
_LIMIT_S = 60
_LOOK_S = 0.05

#: Of a page that is replaced meanwhile.
_GONE = (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)

#: If it is set, the pictures of the documentation are made again.
_PICTURES = "PICTURES"
_IMAGES = ROOT / "docs" / "images"
_MAX_PICTURE_BYTES = 120_000

_FLAGS = (
    "--headless=new",
    # Chromium has no sandbox for root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1200,760",
)


class Browser:
    """
    One window.

    Args:
        folder: for what it keeps.
        place: where the console is, as ``http://127.0.0.1:2280``.
    """

    def __init__(self, folder: Path, place: str) -> None:
        driver, program = shutil.which("chromedriver"), shutil.which("chromium")
        require(driver and program, "apt-get install chromium chromium-driver")
        options = ChromeOptions()
        options.binary_location = program
        for flag in (*_FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options, Service(driver))
        self.place = place

    def close(self) -> None:
        """
        End it.
        """
        self.driver.quit()

    def open(self, path: str) -> None:
        """
        Load a page.
        """
        self.driver.get(f"{self.place}{path}")

    def forget(self) -> None:
        """
        Be logged out, light, and as wide as a desk.
        """
        self.driver.delete_all_cookies()
        self.emulate("Emulation.clearDeviceMetricsOverride")
        self.emulate("Emulation.setEmulatedMedia", features=[])

    def emulate(self, command: str, **values: Any) -> None:
        """
        Be another device.
        """
        self.driver.execute_cdp_cmd(command, values)

    def login(self, name: str, password: str = PASSWORD) -> None:
        """
        Fill in the form of the login, which is open.
        """
        self.type("[name=name]", name)
        self.type("[name=password]", password)
        self.click("#login button")

    def enter(self, name: str, path: str = "/") -> None:
        """
        Open a page as a user.
        """
        self.forget()
        self.open(path)
        self.login(name)
        self.until(lambda: self.text("#user") == name)

    def script(self, code: str, *arguments: Any) -> Any:
        """
        Return what some code returns in the page.
        """
        return self.driver.execute_script(code, *arguments)

    def text(self, selector: str) -> str:
        """
        Return the text of the first such element, or nothing.
        """
        code = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return str(self.script(code, selector)).strip()

    def texts(self, selector: str) -> list[str]:
        """
        Return the text of each such element.
        """
        code = """
            return [...document.querySelectorAll(arguments[0])]
                .map((one) => (one.innerText ?? one.textContent).trim());
        """
        return list(self.script(code, selector))

    def has(self, selector: str) -> bool:
        """
        Tell whether there is such an element.
        """
        return bool(self.script("return !!document.querySelector(arguments[0])", selector))

    def until(self, true: Callable[[], T]) -> T:
        """
        Wait until something is so, and return it.
        """
        wait: WebDriverWait[Chrome] = WebDriverWait(self.driver, _LIMIT_S, _LOOK_S, _GONE)
        return wait.until(lambda _: true())

    def see(self, selector: str, words: str = "") -> str:
        """
        Wait until an element has some words, and return all of its text.
        """
        found = [""]

        def seen() -> bool:
            found[0] = self.text(selector)
            return self.has(selector) and words in found[0]

        try:
            self.until(seen)
        except Exception as error:
            page = self.text("body")
            raise AssertionError(f"{selector} has no {words!r}: {found[0]!r}\n{page}") from error
        return found[0]

    def click(self, selector: str) -> None:
        """
        Click on the first such element, once it is there.
        """

        def clicked() -> bool:
            self.driver.find_element(By.CSS_SELECTOR, selector).click()
            return True

        self.until(clicked)

    def type(self, selector: str, text: str) -> None:
        """
        Type into a field, in place of what is in it.
        """

        def typed() -> bool:
            field = self.driver.find_element(By.CSS_SELECTOR, selector)
            field.clear()
            field.send_keys(text)
            return True

        self.until(typed)

    def keys(self, *keys: str) -> None:
        """
        Press keys, wherever the focus is.
        """
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        """
        Return the id of the element that has the focus, or else its name or text.
        """
        code = "const one = document.activeElement; return one.id || one.name || one.innerText"
        return str(self.script(code))

    def click_in_row(self, words: str) -> None:
        """
        Click on the link of the table row that has these words.
        """
        code = """
            const has = (cell) => cell.innerText.trim() === arguments[0];
            const rows = [...document.querySelectorAll("tbody tr")];
            const row = rows.find((one) => [...one.cells].some(has));
            row?.querySelector("a")?.click();
            return !!row;
        """
        self.until(lambda: self.script(code, words))

    def fetch(self, path: str, form: str | None) -> int:
        """
        Send a form, or ask for a page as a live page does; return the status.
        """
        code = """
            const [path, form, done] = arguments;
            const sent = form === null ? { headers: { "X-Console-Update": "1" } } : {
                method: "POST", body: form, redirect: "manual",
                headers: { "Content-Type": "application/x-www-form-urlencoded" },
            };
            fetch(path, sent).then((answer) => done(answer.status), () => done(0));
        """
        return int(self.driver.execute_async_script(code, path, form))

    def load_time_s(self, path: str) -> float:
        """
        Load a page, and return how long that took until all of it was shown, as the page knows.
        """
        self.open(path)
        code = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
        return float(self.until(lambda: self.script(code))) / 1000

    def errors(self) -> list[str]:
        """
        Return what the browser has complained about: scripts, styles, the policy of the page.
        """
        return [each["message"] for each in self.driver.get_log("browser")]

    def picture(self, name: str) -> None:
        """
        Write a picture of the page for the documentation, if that is asked for.
        """
        if not os.environ.get(_PICTURES):
            return
        image = self.driver.get_screenshot_as_png()
        assert len(image) <= _MAX_PICTURE_BYTES
        _IMAGES.mkdir(exist_ok=True)
        (_IMAGES / f"console-{name}.png").write_bytes(image)
