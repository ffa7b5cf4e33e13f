"""
What ``[admin]`` says: where the pages are, which ones, and who may see them.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.admin.options import ACCESS_FIELDS, INDEX, AdminOptions
from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.settings import Sources
from rpcfw.spi.access.rules import read_access_rules
from rpcfw.spi.authenticator import Authenticator
from rpcfw.spi.page import Page

__all__ = ["AdminPlan", "read_admin_plan"]


@frozen(eq=False)
class AdminPlan:
    """
    The admin port of a process.

    Args:
        options: see `AdminOptions`.
        pages: in their order.
        authenticators: find out who asks.
    """

    options: AdminOptions
    pages: tuple[Chosen[Page], ...]
    authenticators: tuple[Chosen[Authenticator], ...]


def read_admin_plan(sources: Sources, chooser: Chooser) -> AdminPlan:
    """
    Claim the section. Without a port no page is looked for.
    """
    options = sources.section("admin", AdminOptions)
    pages: tuple[Chosen[Page], ...] = ()
    seam: type[Page] = Page  # type: ignore[type-abstract]  # a seam
    for key in ("pages", "extra_pages"):
        names = (getattr(options, key) or ()) if options.listen else ()
        place = ("admin", key, "")
        pages += chooser.several("rpcfw.pages", seam, names, named_by=place, section="page")
    _check_page_names(sources, options, pages)
    authenticators = chooser.several(
        "rpcfw.authenticators",
        Authenticator,  # type: ignore[type-abstract]  # a seam
        options.authenticators or (),
        named_by=("admin", "authenticators", ""),
        section="authenticator",
    )
    return AdminPlan(options, pages, authenticators)


def _check_page_names(
    sources: Sources, options: AdminOptions, pages: tuple[Chosen[Page], ...]
) -> None:
    """
    See that the rules of access name pages that there are.

    Those of ``access_file`` may change, and may be those of several processes.
    """
    if not pages:
        return
    # A class that somebody wrote may lack its path. That is a mistake of its own.
    names = [str(getattr(each.plugin, "path", "")).lstrip("/") for each in pages]
    try:
        read_access_rules(options.access, ACCESS_FIELDS, {"page": [INDEX, *names]})
    except ValueError as error:
        sources.blame("admin", "access", str(error))
