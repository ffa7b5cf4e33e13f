"""
A program that calls the provider in Java at a port, and prints one line for each check.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rpcfw
from rpcfw_dubbo.exceptions import java_exception
from rpcfw_hessian import JavaLong
from tests.interop.dubbo_orders import CREATED, Node, OrderService, OutOfStock, State


def check(name: str, call: Callable[[], Any]) -> None:
    """
    Print what a call returns or raises.
    """
    try:
        result = repr(call())
    except rpcfw.CallError as error:
        result = f"raised {error.status}: {error.message}"
    sys.stdout.write(f"CHECK\t{name}\t{result}\n")


def loop(orders: Any) -> tuple[Any, ...]:
    """
    Send two nodes that refer to each other.
    """
    first = Node("first")
    first.next = Node("second", first)
    back = orders.loop(first)
    return back.name, back.next.name, back.next.next is back


def thrown(orders: Any) -> Any:
    """
    Return the exception of a provider, as the Python class that it has.
    """
    try:
        orders.take("sku-1", 5)
    except rpcfw.CallError as error:
        found = java_exception(error, OutOfStock)
        return str(found), found.sku, found.left


def stack(orders: Any) -> Any:
    """
    Return class, text, cause and first line of the stack of an exception.
    """
    try:
        orders.crash("boom")
    except rpcfw.CallError as error:
        found = java_exception(error)
        where = str(found.stack_trace[0]).partition("(")[0]
        return found.java_class, found.message, str(found.__cause__), where


def attachments(orders: Any) -> Any:
    """
    Return what the provider got, and what it sent.
    """
    with rpcfw.call_details() as details:
        said = orders.attachment("trace", metadata={"trace": "t-1"})
    return said, dict(details.metadata)["served-by"]


def main(ini: str) -> None:
    """
    Make all checks.
    """
    with rpcfw.blocking(Path(ini)) as application:
        orders = application.client(OrderService)
        order = orders.get(1 << 40)
        check("say", lambda: orders.say("bob"))
        check("overloaded", lambda: orders.say_number(7))
        check("pojo", lambda: order)
        check("echoed", lambda: orders.echo(order) == order)
        check("list", lambda: [each.id for each in orders.all(1000)] == list(range(1000)))
        check("cycle", lambda: loop(orders))
        check("decimal", lambda: orders.total(order))
        check("enum", lambda: orders.next(State.PAID))
        check("date", lambda: orders.later(CREATED, 1000) - CREATED)
        check("map", lambda: orders.describe({"a": 1, "b": [1, 2.5, None], "c": JavaLong(3)}))
        check("bytes", lambda: orders.reverse(b"abc"))
        check("null", lambda: orders.nothing(None))
        check("attachments", lambda: attachments(orders))
        check("exception", lambda: orders.take("sku-1", 5))
        check("its class", lambda: thrown(orders))
        check("crash", lambda: orders.crash("boom"))
        check("its stack", lambda: stack(orders))
        check("timeout", lambda: orders.sleep(3000, timeout="300ms"))
        check("after the timeout", lambda: orders.say("again"))


if __name__ == "__main__":
    main(sys.argv[1])
