"""
``/threads``: the stack of each thread.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import Facts, PageContent, TextBlock
from rpcfw_pages.frames import Stack, stacks

__all__ = ["Threads"]

_MAX_THREADS = 500


class Threads(Page):
    """
    What hangs, and where: files, lines and functions, without the values of variables.
    """

    path: ClassVar[str] = "/threads"
    title: ClassVar[str] = "stacks of all threads"

    def render(self, request: PageRequest) -> PageContent:
        found = [*stacks()]
        found.sort(key=lambda each: each[1] != "MainThread")
        texts = [_text(number, name, stack) for number, name, stack in found[:_MAX_THREADS]]
        count = Facts("threads", {"count": len(found)})
        return PageContent([count, TextBlock("stacks", "\n\n".join(texts))])


def _text(number: int, name: str, stack: Stack) -> str:
    lines = [f"{name} ({number})"]
    lines += (f"    {file}:{line} {function}" for file, line, function in stack)
    return "\n".join(lines)
