"""
What writes values of one expected type.
"""

from __future__ import annotations

from typing import Any

from rpcfw_hessian.encoder import Encoder, Write
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.source import Source

__all__ = ["ScalarWriter", "Writer", "WrittenWriter", "unfit", "write_reference"]


def unfit(expected: str, value: Any) -> HessianError:
    """
    Return the error for a value of another type.
    """
    return HessianError(f"expected {expected}, got {type(value).__qualname__}")


class Writer:
    """
    Writes values of one type, and checks them: a mistake is an error here and not in Java.

    Args:
        write: writes a value.
    """

    #: Whether `inline` writes the usual values without an encoder.
    scalar = False
    #: Whether it is a list of scalars, or null.
    plain_list = False

    def __init__(self, write: Write) -> None:
        self.write = write

    def ready(self) -> Write:
        """
        Return what writes a value. All classes that it needs must be complete.
        """
        return self.write

    def inline(self, source: Source, value: str) -> None:
        """
        Write source that writes the variable ``value``, by ``append`` to the output of ``e``.
        """
        if source.plain:
            source.add(source.give_up)
        else:
            source.add(f"{source.bind(self.write)}(e, {value})")


class ScalarWriter(Writer):
    """
    Writes numbers, strings or booleans.
    """

    scalar = True


class WrittenWriter(Writer):
    """
    Writes values by a function whose source is written at the first use.

    Not earlier, as the classes that it calls may not be complete yet.
    """

    def __init__(self) -> None:
        super().__init__(self._first_write)
        self._function: Write | None = None

    def ready(self) -> Write:
        if self._function is None:
            self._function = self.write = self._written()
        return self._function

    def _first_write(self, e: Encoder, value: Any) -> None:
        self.ready()(e, value)

    def _written(self) -> Write:
        raise NotImplementedError

    def inline(self, source: Source, value: str) -> None:
        # By its attribute, which is another function after the first use.
        source.add(f"{source.bind(self)}.write(e, {value})")


def write_reference(source: Source, java_class: str = "") -> None:
    """
    Write source that does for ``value`` what `Encoder.refer` does, and returns if it did.

    Args:
        java_class: of a collection. What is an ArrayList in one place and an array in another is
            written twice: Java takes no reference to the one for the other.
    """
    source.add(
        "refs = e.refs", f"key = id(value), {java_class!r}" if java_class else "key = id(value)"
    )
    with source.block("if key in refs:"):
        source.add("e.reference(refs[key])", "return")
    source.add("kept = e.kept", "refs[key] = len(kept)", "kept.append(value)")
