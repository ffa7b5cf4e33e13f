"""
A program that calls a provider in Java with classes that were written for its interface.
"""

from __future__ import annotations

import sys
from pathlib import Path

import rpcfw
from tests.unit.codegen.java.written.orders import Line, Node, Order, OrderService, State


def main(ini: str) -> None:
    """
    Print what some calls return.
    """
    with rpcfw.blocking(Path(ini)) as application:
        orders = application.client(OrderService)
        first = Node("first")
        first.next = Node("second", first)
        back = orders.loop(first)
        order = Order(id=1 << 40, lines=[Line(2, "a")], labels={"a": "b"}, state=State.PAID)
        found = (
            orders.say_string("bob"),
            orders.say_int(7),
            orders.get(5).created.year,
            [each.id for each in orders.all(2)],
            orders.echo(order) == order,
            back.next.next is back,
            orders.next(State.PAID).name,
            orders.reverse(b"abc"),
            orders.describe({"x": 1})["count"],
            orders.nothing(None),
        )
        print(*found, sep="\n")  # noqa: T201 - a program


if __name__ == "__main__":
    main(sys.argv[1])
