"""
The names by which a rule may mean a method.
"""

from __future__ import annotations

from rpcfw.values.method import Method

__all__ = ["names_of"]


def names_of(method: Method) -> tuple[str, ...]:
    """
    Return the name of a method and its path, and both without the Java types of an overloaded one.

    A rule about ``find`` is so about ``find(int)``, too: a rule that denies must not miss one.
    """
    name, bracket, _ = method.name.partition("(")
    if not bracket:
        return name, method.path
    return method.name, method.path, name, f"{method.service}/{name}"
