"""
What every page of the admin port promises.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from rpcfw.admin.rendering.html import as_html
from rpcfw.admin.rendering.json_text import as_json
from rpcfw.admin.rendering.plain_text import as_text
from rpcfw.spi.inspected_process import InspectedProcess, OptionValue
from rpcfw.spi.inspection import Inspection
from rpcfw.spi.page import Page, PageRefused, PageRequest, PageResponse
from rpcfw.spi.page_content import Facts, PageContent, Table
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.builtin import FixedInspection

__all__ = ["FixedProcess", "PageContract", "asked"]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
#: A page of more rows would take the time of calls.
_MAX_ROWS = 2_000


class FixedProcess(InspectedProcess):
    """
    A process that shows what a test gave it.
    """

    def __init__(
        self,
        inspection: Inspection | None = None,
        phase: str = "announced",
        options: tuple[OptionValue, ...] = (),
        *,
        ready: bool = True,
        application: str = "shop",
        uptime_s: float = 90.0,
    ) -> None:
        self._inspection = FixedInspection() if inspection is None else inspection
        self._phase = phase
        self._ready = ready
        self._options = options
        self._application = application
        self._uptime_s = uptime_s

    @property
    def application(self) -> str:
        return self._application

    @property
    def run_id(self) -> str:
        return "00f067aa0ba902b7"

    @property
    def started_at(self) -> float:
        return 1_700_000_000.0

    @property
    def uptime_s(self) -> float:
        return self._uptime_s

    @property
    def phase(self) -> str:
        return self._phase

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def inspection(self) -> Inspection:
        return self._inspection

    def options(self) -> tuple[OptionValue, ...]:
        return self._options


def asked(
    page: Page,
    process: InspectedProcess | None = None,
    query: Mapping[str, str] | None = None,
    method: str = "GET",
) -> PageContent | PageResponse:
    """
    Return what a page that does not wait answers.

    Raises:
        PageRefused: it cannot answer.
    """
    request = PageRequest(process or FixedProcess(), query or {}, method)
    made: Any = page.render(request)
    if not isinstance(made, (PageContent, PageResponse)):
        found: list[Any] = []
        spawn(made).addBoth(found.append)
        assert found, "it waits for something that this test does not give"
        (made,) = found
        if not isinstance(made, (PageContent, PageResponse)):
            made.raiseException()
    assert isinstance(made, (PageContent, PageResponse))
    return made


class PageContract:
    """
    The tests of a page.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyPage(PageContract):
            def make(self):
                return MyPage(NoOptions(), plugin_context())

    A page that waits for more than `asked` gives overrides `answer`.
    """

    @abstractmethod
    def make(self) -> Page:
        """
        Return a new page.
        """

    def answer(self, page: Page, query: Mapping[str, str] | None = None) -> Any:
        """
        Return what it answers.
        """
        return asked(page, query=query, method="POST" if page.changes else "GET")

    def test_it_has_a_path_and_a_title(self) -> None:
        """
        Its path is one segment, and its title is one line.
        """
        page = self.make()

        assert re.match(r"/[a-z][a-z0-9_]{0,63}\Z", page.path)
        assert page.title
        assert page.title.isprintable()

    def test_it_has_every_format(self) -> None:
        """
        What it shows can be read by people and by programs.
        """
        answer = self.answer(self.make())

        if isinstance(answer, PageResponse):
            assert answer.content_type
            return
        assert isinstance(msgspec.json.decode(as_json(answer)), dict)
        assert as_text(answer).decode().strip()
        assert "</html>" in as_html(answer, "title", "shop", ()).decode()

    def test_its_content_is_well_formed(self) -> None:
        """
        Names are in snake_case and there once; a row has a value for each column.
        """
        answer = self.answer(self.make())

        if isinstance(answer, PageResponse):
            return
        names = [section.name for section in answer.sections]
        assert len(names) == len({*names})
        for section in answer.sections:
            assert _NAME.match(section.name)
            if isinstance(section, Facts):
                assert all(map(_NAME.match, section.values))
            elif isinstance(section, Table):
                assert all(map(_NAME.match, section.columns))
                assert all(len(row) == len(section.columns) for row in section.rows)
                assert len(section.rows) <= _MAX_ROWS

    def test_it_survives_any_parameter(self) -> None:
        """
        A parameter that makes no sense is refused as such, or ignored.
        """
        for name in ("service", "seconds", "id", "limit", "trace", "\x00", "a" * 1000):
            for value in ("", "-1", "nan", "1e999", "../../etc/passwd", "\u202e<script>"):
                try:
                    self.answer(self.make(), {name: value})
                except PageRefused as refusal:
                    assert 400 <= refusal.status <= 599  # noqa: PT017 - any of these
