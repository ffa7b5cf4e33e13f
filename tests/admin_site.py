"""
A site of admin pages without a network, for tests.
"""

from __future__ import annotations

from rpcfw.admin.exchange import Asked
from rpcfw.admin.gate import Gate
from rpcfw.admin.host_header import HostNames
from rpcfw.admin.options import AdminOptions
from rpcfw.admin.site import Site
from rpcfw.kernel.settings import options_of
from rpcfw.spi.page import Page
from rpcfw.spi.page_content import Facts, PageContent
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.page import FixedProcess
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address

__all__ = ["HERE", "SitePage", "answer", "get", "page", "site_of"]

HERE = Address("tcp", "127.0.0.1", 2290)


class SitePage(Page):
    """
    A page of a test.
    """

    path = "/shown"
    title = "what a test shows"

    def render(self, request):
        return PageContent([Facts("shown", {"query": str(request.query)})])


def page(render=None, context=None, **attributes):
    """
    Return a page with these class attributes.
    """
    if render is not None:
        attributes["render"] = lambda self, request: render(request)
    return type("ATestPage", (SitePage,), attributes)(NoOptions(), context or plugin_context())


def site_of(
    *pages,
    context=None,
    process=None,
    listen=(HERE,),
    names=(),
    options=None,
    authenticators=(),
):
    """
    Return a site of these pages.
    """
    context = context or plugin_context()
    return Site(
        pages,
        process or FixedProcess(),
        HostNames(listen, names),
        Gate(options or options_of(AdminOptions), authenticators, context),
        context,
    )


def get(target="/shown", method="GET", body=b"", **headers):
    """
    Return a request.
    """
    given = {"host": "127.0.0.1:2290", **headers}
    named = {name.replace("_", "-"): [text] for name, text in given.items()}
    return Asked(method, target, named, body)


def answer(site, asked):
    """
    Return the reply to a request of which nothing waits.
    """
    found = []
    spawn(site.answer(asked)).addBoth(found.append)
    (reply,) = found
    return reply
