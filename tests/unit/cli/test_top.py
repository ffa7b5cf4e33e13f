"""
``rpcfw top``: the table, and what keys do.
"""

from __future__ import annotations

from rpcfw.cli.top.columns import cut
from rpcfw.cli.top.lines import table_lines
from rpcfw.cli.top.live import LiveTable
from rpcfw.cli.top.rows import Look, Row

ORDERS = Row("shop.Orders", "", 2, 40.0, 1.5, 3, 1.25, 9.0)
STOCK = Row("shop.Stock", "", 1, 60.0, 0.0, 0, 0.5, None)
SILENT = Row("shop.Mail", "", 1)


def look(*services, instances=(), silent=None, trouble=""):
    return Look(services, instances, 3, silent or {}, trouble)


def test_a_table():
    """
    Names begin and numbers end at the same place; what nobody says is a dash.
    """
    assert [
        "3 services, 0 instances, 100.0 calls/s, 1.5 errors/s; by calls",
        "",
        "SERVICE      INSTANCES  CALLS/S  ERRORS/S  IN FLIGHT  P50 MS  P99 MS",
        "shop.Stock           1     60.0       0.0          0    0.50       -",
        "shop.Orders          2     40.0       1.5          3    1.25    9.00",
        "shop.Mail            1        -         -          -       -       -",
    ] == table_lines(look(ORDERS, STOCK, SILENT), "calls", instances=False)


def test_orders():
    """
    Rows come by what was chosen, the largest first, or by their names.
    """
    firsts = {}
    for sort in ("calls", "errors", "in-flight", "p99", "name"):
        lines = table_lines(look(ORDERS, STOCK, SILENT), sort, instances=False)
        firsts[sort] = lines[3].split()[0]
    assert {
        "calls": "shop.Stock",
        "errors": "shop.Orders",
        "in-flight": "shop.Orders",
        "p99": "shop.Orders",
        "name": "shop.Mail",
    } == firsts


def test_texts_of_others_stay_in_their_places():
    """
    No name and no reason moves the cursor, or makes a line of its own.
    """
    evil = Row("a\x1b[2J\nb", "", 1)
    silent = {"tcp:h:1": "refused\n\x1b[2J"}
    lines = table_lines(look(evil, silent=silent, trouble="away\r\n"), "calls", instances=False)
    assert not [line for line in lines if {"\x1b", "\n", "\r"} & {*line}]
    assert "tcp:h:1: refused \\x1b[2J" in lines


def test_keys_order_and_scroll():
    """
    A key changes the order or scrolls, no further than there are rows; others do nothing.
    """
    table = LiveTable("calls", instances=False)
    many = [Row(f"shop.S{number:02}", "", 1, float(number)) for number in range(10)]
    table.look = look(*many)
    assert table.press("n")
    page, titles = table.page(8)
    assert (8, "SERVICE") == (len(page), page[titles].split()[0])
    assert ["shop.S00", "shop.S01", "shop.S02", "shop.S03"] == [
        line.split()[0] for line in page[titles + 1 : -1]
    ]
    for _ in range(20):
        table.press("j")
    page, _ = table.page(8)
    assert "shop.S09" == page[-2].split()[0]
    table.press("k")
    page, _ = table.page(8)
    assert "shop.S08" == page[-2].split()[0]
    assert not table.press("x")


def test_instances():
    """
    The key i shows instances in place of services, and back.
    """
    table = LiveTable("calls", instances=False)
    table.look = look(ORDERS, instances=[Row("shop.Orders", "tcp:h:1", 1, 40.0)])
    table.press("i")
    page, titles = table.page(24)
    assert "INSTANCE " in page[titles]
    assert "tcp:h:1" in page[titles + 1]
    table.press("i")
    page, titles = table.page(24)
    assert "INSTANCES" in page[titles]


def test_names_in_any_language():
    """
    A character that takes two columns on a terminal, or none, moves no number of its line.
    """
    wide, marked = Row("商店.订单", "", 1, 1.0), Row("e\u0301t\u00e9", "", 1, 2.0)
    titles, *lines = table_lines(look(wide, marked), "calls", instances=False)[2:]
    assert ["商店.订单          1      1.0", "e\u0301t\u00e9                1      2.0"] == [
        line[: line.index(".0") + 2] for line in sorted(lines, reverse=True)
    ]
    assert titles.startswith("SERVICE    INSTANCES  CALLS/S")


def test_a_line_is_cut_at_the_edge():
    """
    A line that is cut takes no more columns than there are.
    """
    assert "abc" == cut("abcdef", 3)
    assert "a商" == cut("a商店", 3)
    assert "a商" == cut("a商店", 4)
    assert "a商店" == cut("a商店", 5)
    assert "e\u0301" == cut("e\u0301a", 1)
