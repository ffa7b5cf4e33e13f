"""
The three pages that a supervisor asks.
"""

from __future__ import annotations

import pytest

from rpcfw.admin.rendering.json_text import plain
from rpcfw.spi.page import PageRefused
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.builtin import FixedHealthBoard, FixedInspection
from rpcfw.testing.contracts.page import FixedProcess, PageContract, asked
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.health import Health
from rpcfw_pages.healthz import Healthz
from rpcfw_pages.livez import Livez
from rpcfw_pages.readyz import Readyz


def made(page):
    return page(NoOptions(), plugin_context())


class TestHealthzContract(PageContract):
    def make(self):
        return made(Healthz)


class TestLivezContract(PageContract):
    def make(self):
        return made(Livez)


class TestReadyzContract(PageContract):
    def make(self):
        return made(Readyz)


def process(health=Health.SERVING, phase="announced", *, ready=True, **services):
    board = FixedHealthBoard({"": health, **services})
    return FixedProcess(FixedInspection(health=board), phase, ready=ready)


@pytest.mark.parametrize("phase", ["starting", "announced", "draining", "stopped"])
def test_a_process_that_answers_lives(phase):
    """
    Liveness does not fail while the server starts or drains: a restart would end its calls.
    """
    answer = asked(made(Livez), process(Health.NOT_SERVING, phase, ready=False))

    assert 200 == answer.status
    assert {"live": {"live": True, "phase": phase}} == plain(answer)


@pytest.mark.parametrize(
    ("health", "ready", "status"),
    [
        (Health.SERVING, True, 200),
        (Health.SERVING, False, 503),
        (Health.NOT_SERVING, True, 503),
        (Health.UNKNOWN, True, 503),
    ],
)
def test_ready_is_phase_and_health(health, ready, status):
    """
    A process is ready in a phase that takes calls, unless its code says that it is ill.
    """
    assert status == asked(made(Readyz), process(health, ready=ready)).status


def test_health_lists_each_service():
    """
    The status is that of the server; the table has each service.
    """
    answer = asked(made(Healthz), process(**{"demo.Shop": Health.NOT_SERVING}))

    assert 200 == answer.status
    assert [{"service": "demo.Shop", "health": "not serving"}] == plain(answer)["services"]


def test_health_of_one_service():
    """
    ``?service=`` has the status of that service; one that is not served is not found.
    """
    shown = process(Health.NOT_SERVING, a=Health.SERVING, b=Health.NOT_SERVING)

    assert 503 == asked(made(Healthz), shown).status
    assert 200 == asked(made(Healthz), shown, {"service": "a"}).status
    assert 503 == asked(made(Healthz), shown, {"service": "b"}).status
    with pytest.raises(PageRefused) as refused:
        asked(made(Healthz), shown, {"service": "c"})
    assert 404 == refused.value.status
