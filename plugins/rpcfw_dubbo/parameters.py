"""
How the arguments of each method are read. Found once, and used by all connections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from attrs import frozen

from rpcfw.errors import InvalidMessage, Unimplemented
from rpcfw.status import Status
from rpcfw.values.arguments import Arguments
from rpcfw.values.method import Method
from rpcfw_hessian import Schema
from rpcfw_hessian.plain import PlainReader
from rpcfw_hessian.shape import Shape

__all__ = ["ParameterTable", "Parameters"]


@frozen(eq=False)
class Parameters:
    """
    The parameters of one method.

    Args:
        path: of the method.
        schema: has the classes that are in the types.
        types: annotations of the parameters.
        shapes: what reads each of them.
        plain: reads the first one, of a request with no other; None if there is none.
        required: how many of them must be given.
        make: makes the message of the arguments.
    """

    path: str
    schema: Schema
    types: tuple[Any, ...]
    shapes: tuple[Shape, ...]
    plain: PlainReader | None
    required: int
    make: Callable[..., Any]

    def check_count(self, count: int) -> None:
        """
        Raise if so many arguments cannot be given.
        """
        if not self.required <= count <= len(self.shapes):
            raise InvalidMessage(
                f"{self.path} takes {len(self.shapes)} arguments, got {count}",
                status=Status.INVALID_ARGUMENT,
            )

    def list_of(self, count: int) -> Any:
        """
        Return the type of a list of so many arguments, or null.
        """
        return tuple.__class_getitem__(self.types[:count]) | None


class ParameterTable:
    """
    The parameters of all methods.

    Args:
        new_schema: makes a schema. Each method has one of its own, since two services may have
            different Python classes for a Java class.
    """

    def __init__(self, new_schema: Callable[[], Schema]) -> None:
        #: Without any Python classes, for what comes before the arguments.
        self.general = new_schema()
        self._new_schema = new_schema
        self._known: WeakKeyDictionary[Method, Parameters] = WeakKeyDictionary()

    def of(self, method: Method) -> Parameters:
        """
        Return the parameters of a method.

        Raises:
            Unimplemented: Hessian cannot carry them.
        """
        found = self._known.get(method)
        if found is None:
            found = self._known[method] = self._parameters(method)
        return found

    def _parameters(self, method: Method) -> Parameters:
        schema, kind = self._new_schema(), method.request_type
        types: tuple[Any, ...] = (kind,)
        required, make = 1, _itself
        if isinstance(kind, type) and issubclass(kind, Arguments):
            fields = msgspec.structs.fields(kind)
            types = tuple(field.type for field in fields)
            required, make = sum(field.required for field in fields), kind
        try:
            shapes = tuple(map(schema.shape, types))
        except TypeError as error:
            raise Unimplemented(f"{method.path} cannot be called over Dubbo: {error}") from error
        plain = PlainReader(shapes[0], schema.limits) if shapes else None
        return Parameters(method.path, schema, types, shapes, plain, required, make)


def _itself(message: Any) -> Any:
    return message
