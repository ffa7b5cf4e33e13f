"""
The content of a page as HTML: one file, without anything from elsewhere, without a script.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape

from rpcfw.admin.rendering.cells import cell_text, title_of
from rpcfw.printable import printable_lines
from rpcfw.spi.page_content import Cell, Facts, Link, PageContent, Section, Table

__all__ = ["CONTENT_SECURITY_POLICY", "as_html"]

#: What a link may lead to: nothing on another server, and no script.
_OWN_PATH = re.compile(r"/(?!/)[\x21-\x7e]*\Z")

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --faint: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; }
body { padding: 0 1rem 2rem; }
header { border-bottom: 1px solid var(--line); padding: .7rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin-top: .3rem; }
h1 { font-size: 1.2rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .9rem .25rem 0; }
th, td { text-align: left; vertical-align: top; }
thead th { white-space: nowrap; }
tbody tr:hover { background: var(--faint); }
td { overflow-wrap: anywhere; }
td.number { font-variant-numeric: tabular-nums; text-align: right; overflow-wrap: normal; }
pre { background: var(--faint); overflow-x: auto; padding: .7rem; }
p.more { opacity: .7; }
"""

#: Nothing but this style: no script, no frame around it, no form to elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def as_html(content: PageContent, title: str, application: str, pages: Sequence[Link]) -> bytes:
    """
    Return a page as HTML.

    Args:
        title: of the page.
        application: name of the process.
        pages: the other pages.
    """
    return "".join(_page(content, title, application, pages)).encode(errors="backslashreplace")


def _page(
    content: PageContent, title: str, application: str, pages: Sequence[Link]
) -> Iterator[str]:
    name = _text(application)
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)} - {name}</title><style>{_STYLE}</style></head>\n<body>"
        f'<header><strong><a href="/">{name}</a></strong>'
        f'<nav aria-label="pages">{" ".join(map(_cell, pages))}</nav></header>\n'
        f"<main><h1>{_text(title)}</h1>\n"
    )
    for section in content.sections:
        yield from _section(section)
    if content.links:
        yield f"<p>{' '.join(map(_cell, content.links))}</p>\n"
    yield "</main></body></html>\n"


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{_text(title_of(section.name))}</h2>\n"
    if isinstance(section, Facts):
        yield '<div class="wide"><table><tbody>\n'
        for name, value in section.values.items():
            yield f'<tr><th scope="row">{_text(title_of(name))}</th>{_column(value)}</tr>\n'
        yield "</tbody></table></div>\n"
    elif isinstance(section, Table):
        yield from _table(section)
    else:
        yield f'<pre tabindex="0">{escape(printable_lines(section.text))}</pre>\n'


def _table(table: Table) -> Iterator[str]:
    yield '<div class="wide" tabindex="0"><table><thead><tr>'
    for name in table.columns:
        yield f'<th scope="col">{_text(title_of(name))}</th>'
    yield "</tr></thead><tbody>\n"
    for row in table.rows:
        yield f"<tr>{''.join(map(_column, row))}</tr>\n"
    yield "</tbody></table></div>\n"
    if table.left_out:
        yield f'<p class="more">and {table.left_out} more</p>\n'


def _column(value: Cell) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"<td{' class=number' if number else ''}>{_cell(value)}</td>"


def _cell(value: Cell) -> str:
    text = _text(cell_text(value))
    if isinstance(value, Link) and _OWN_PATH.match(value.target):
        return f'<a href="{escape(value.target)}">{text}</a>'
    return text


def _text(text: str) -> str:
    return escape(text)
