"""
Makes instances of the program's own classes from the values of their fields.

Each way exists twice: as a function, and as source that does the same for known fields.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any

import attrs
import msgspec

from rpcfw_hessian.decoder import INCOMPLETE
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.source import Source

__all__ = ["Making", "making_of"]


class Making(ABC):
    """
    How to make instances of one class.
    """

    @abstractmethod
    def begin(self) -> Any:
        """
        Return the instance before its fields, or `INCOMPLETE`.
        """

    @abstractmethod
    def finish(self, made: Any, values: dict[str, Any]) -> Any:
        """
        Return the instance with its fields.
        """

    @abstractmethod
    def write_begin(self, source: Source) -> None:
        """
        Write source that sets ``made`` as `begin` does.
        """

    @abstractmethod
    def write_finish(self, source: Source, values: Mapping[str, str]) -> None:
        """
        Write source that completes ``made`` as `finish` does.

        Args:
            values: expressions by the names of fields.
        """

    @abstractmethod
    def write_plain(self, source: Source, values: Mapping[str, str]) -> None:
        """
        Write source that sets ``made`` to an instance to which no field refers.
        """


class _Constructing(Making):
    """
    Makes a `msgspec.Struct`, of which nothing is there before its fields.
    """

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def begin(self) -> Any:
        return INCOMPLETE

    def finish(self, made: Any, values: dict[str, Any]) -> Any:
        try:
            return self._cls(**values)
        except Exception as error:
            raise _refused(self._cls, error) from error

    def write_begin(self, source: Source) -> None:
        source.add(f"made = {source.bind(INCOMPLETE)}")

    def write_finish(self, source: Source, values: Mapping[str, str]) -> None:
        self.write_plain(source, values)
        source.add("d.refs[index] = made")

    def write_plain(self, source: Source, values: Mapping[str, str]) -> None:
        with source.block("try:"):
            arguments = ", ".join(f"{name}={value}" for name, value in values.items())
            source.add(f"made = {source.bind(self._cls)}({arguments})")
        with source.block("except Exception as error:"):
            refused, cls = source.bind(_refused), source.bind(self._cls)
            source.add(f"raise {refused}({cls}, error) from error")


class _Filling(Making):
    """
    Makes an instance to which its fields may refer.

    So it is made without its constructor; ``__post_init__`` and validators run in the end.
    """

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._new: Callable[[type], Any] = getattr(cls, "__new__")  # noqa: B009 - else type's own
        self._plain = vars(object)["__setattr__"] is getattr(cls, "__setattr__", None)
        self._hooks = tuple(
            getattr(cls, name)
            for name in ("__post_init__", "__attrs_post_init__")
            if hasattr(cls, name)
        )
        if attrs.has(cls) and any(field.validator for field in attrs.fields(cls)):
            self._hooks = (attrs.validate, *self._hooks)

    def begin(self) -> Any:
        return self._new(self._cls)

    def finish(self, made: Any, values: dict[str, Any]) -> Any:
        for name, value in values.items():
            object.__setattr__(made, name, value)
        if self._hooks:
            self._check(made)
        return made

    def _check(self, made: Any) -> None:
        try:
            for hook in self._hooks:
                hook(made)
        except Exception as error:
            raise _refused(self._cls, error) from error

    def write_begin(self, source: Source) -> None:
        source.add(f"made = {source.bind(self._new)}({source.bind(self._cls)})")

    def write_finish(self, source: Source, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            if self._plain:
                source.add(f"made.{name} = {value}")
            else:  # a frozen class, or one with a __setattr__ of its own
                source.add(f"{source.bind(object.__setattr__)}(made, {name!r}, {value})")
        if self._hooks:
            source.add(f"{source.bind(self._check)}(made)")

    def write_plain(self, source: Source, values: Mapping[str, str]) -> None:
        self.write_begin(source)
        self.write_finish(source, values)


def _refused(cls: type, error: Exception) -> HessianError:
    return HessianError(f"{cls.__qualname__} refuses its fields: {error}")


def making_of(cls: type, names: tuple[str, ...]) -> Making:
    """
    Return how to make instances of a class with these fields.

    Raises:
        TypeError: the name of a field cannot be written in Python.
    """
    for name in names:
        if not name.isidentifier() or iskeyword(name):
            raise TypeError(f"Hessian cannot carry {cls.__qualname__}: the field {name!r}")
    return _Constructing(cls) if issubclass(cls, msgspec.Struct) else _Filling(cls)
