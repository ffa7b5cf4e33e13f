"""
What a decoder accepts from a peer.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from attrs import frozen

from rpcfw_hessian.errors import HessianError, shown

__all__ = ["Limits"]


#: Packages of the JDK, and of the classes by which hessian-lite writes some of them.
_JDK = ("java.", "com.alibaba.com.caucho.hessian.io.")


@frozen
class Limits:
    """
    Limits of one message.

    The size of the whole message is not among them: whoever receives the bytes limits it. No
    memory is taken for a size that is only announced.

    Args:
        max_depth: lists, maps and objects inside each other. Each takes up to three Python
            frames, of which the interpreter allows 1,000.
        max_objects: lists, maps and objects in the message. An empty one is one byte on the
            wire and some hundred bytes in memory.
        max_length: characters of a string, bytes of a binary, items of a list, entries of a map.
        max_hashed: keys of a map and items of a set that are not strings. A peer can choose
            numbers that meet in a hash table, so the time grows with the square of these. Of
            smaller maps there may be more in one message.
        classes: patterns of the Java classes that may come, as ``com.acme.*``, besides those
            that the program has, and the JDK's. A class that the program does not have becomes
            a `JavaObject`, so all are harmless.
    """

    max_depth: int = 128
    max_objects: int = 250_000
    max_length: int = 16 << 20
    max_hashed: int = 10_000
    classes: tuple[str, ...] = ("*",)

    def check_class(self, java_class: str) -> None:
        """
        Raise unless a class may come, or an array of it.
        """
        java_class = java_class.lstrip("[")
        if java_class.startswith(_JDK) or "." not in java_class:
            return
        if not any(fnmatchcase(java_class, pattern) for pattern in self.classes):
            raise HessianError(
                f"the class {shown(java_class)} is not among those that may come: "
                f"{', '.join(self.classes)}"
            )
