"""
Changes of rules that look whether anybody has announced their service.
"""

from __future__ import annotations

from types import SimpleNamespace

from rpcfw.app.rules.known_service import why_unknown
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.values.rule import service_scope
from tests.lab.services import Greeter


def why(application, service):
    return why_unknown(application, service_scope(service), 10.0)


def test_the_nearest_name(lab):
    """
    A service that nobody has announced is told with the nearest name, and one that is there is not.
    """
    lab.serve(Greeter("a"), name="a")
    application = lab.consumer().application
    told = "no provider has announced demo.Greter; did you mean 'demo.Greeter'?"
    assert told == lab.run(why(application, "demo.Greter"))
    assert "" == lab.run(why(application, "demo.Greeter"))


def test_an_unreachable_registry_does_not_hold_up_rules(lab):
    """
    Rules that are kept elsewhere can be changed soon while no registry answers.
    """
    runtime = lab.consumer().application.runtime
    silent = SimpleNamespace(services=never)
    application = SimpleNamespace(registry=silent, runtime=runtime)
    began = lab.clock.seconds()
    assert "" == lab.run(why(application, "demo.Greeter"))
    assert 2.5 > lab.clock.seconds() - began


async def never():
    await Waiter()
