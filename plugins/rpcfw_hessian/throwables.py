"""
Exceptions: what Java calls Throwable.

One without a Python class is a `JavaException`. A Python class with `java` has the message as
its first argument and as fields what its class annotates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.encoder import Encoder, encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.objects import JavaException, StackFrame
from rpcfw_hessian.shape import Shape
from rpcfw_hessian.untyped import read_any
from rpcfw_hessian.writer import Writer, unfit
from rpcfw_hessian.writers import write_any

__all__ = [
    "ExceptionField",
    "ExceptionShape",
    "exception_writer",
    "is_throwable",
    "read_throwable",
    "write_throwable",
]

#: Fields of java.lang.Throwable.
_MESSAGE = "detailMessage"
_CAUSE = "cause"
_STACK_TRACE = "stackTrace"
_SUPPRESSED = "suppressedExceptions"


def is_throwable(java_class: str, names: tuple[str, ...]) -> bool:
    """
    Tell whether a class that is not known here is an exception, by what Throwable has.
    """
    named = java_class.endswith(("Exception", "Error", "Throwable"))
    return _MESSAGE in names and (named or _STACK_TRACE in names)


@frozen
class ExceptionField:
    """
    A field that the class of an exception annotates.
    """

    name: str
    shape: Shape
    writer: Writer


#: By their names in Java.
ExceptionFields = Mapping[str, ExceptionField]


def _read_fields(
    d: Decoder, made: BaseException, names: tuple[str, ...], known: ExceptionFields
) -> dict[str, Any]:
    """
    Read the fields of an exception; those that Python has too are set.
    """
    d.begin(made)
    fields: dict[str, Any] = {}
    for name in names:
        field = known.get(name)
        fields[name] = read_any(d) if field is None else field.shape.read(d)
    d.depth -= 1
    message = fields.pop(_MESSAGE, None)
    cause = fields.pop(_CAUSE, None)
    made.args = (message,) if isinstance(message, str) else ()
    # A Throwable without a cause refers to itself.
    if isinstance(cause, BaseException) and cause is not made:
        made.__cause__ = cause
    return fields


def read_throwable(java_class: str, names: tuple[str, ...]) -> Callable[[Decoder], Any]:
    """
    Return what reads exceptions of a class that is not known here.
    """

    def read(d: Decoder) -> JavaException:
        made = JavaException(java_class)
        fields = _read_fields(d, made, names, {})
        frames = fields.pop(_STACK_TRACE, None)
        suppressed = fields.pop(_SUPPRESSED, None)
        made.message = made.args[0] if made.args else None
        made.stack_trace = _all_of(StackFrame, frames)
        made.suppressed = _all_of(BaseException, suppressed)
        made.fields = fields
        return made

    return read


def _all_of(cls: type, values: Any) -> tuple[Any, ...]:
    return tuple(each for each in values if isinstance(each, cls)) if type(values) is list else ()


def write_throwable(e: Encoder, value: JavaException) -> None:
    """
    Write an exception. Java fills in what is left out.
    """
    fields = {_MESSAGE: value.message, _STACK_TRACE: value.stack_trace or None}
    _write(e, value, value.java_class, {**fields, **value.fields}, {})


def _write(
    e: Encoder,
    value: BaseException,
    java_class: str,
    fields: Mapping[str, Any],
    known: ExceptionFields,
) -> None:
    if e.refer(value):
        return
    written = dict(fields)
    cause = value.__cause__
    # One that is Python's own has no class in Java. It is left out, and does not fail the rest.
    if isinstance(cause, JavaException) or (cause and e.schema.java_class(type(cause))):
        written[_CAUSE] = cause
    e.instance(encode_definition(java_class, tuple(written)))
    for name, each in written.items():
        if name == _STACK_TRACE and each:
            e.number(each)
            e.list_head("[java.lang.StackTraceElement", len(each))
            for frame in each:
                write_any(e, frame)
        elif name in known and each is not None:
            known[name].writer.write(e, each)
        else:
            write_any(e, each)


class ExceptionShape(Shape):
    """
    Reads exceptions of one Python class.
    """

    tags = tags.OBJECT

    def __init__(self, cls: type[BaseException], fields: ExceptionFields) -> None:
        self.name = cls.__qualname__
        self.cls = cls
        self._fields = fields

    def read(self, d: Decoder) -> Any:
        value = read_any(d)
        if self.fits(value, d):
            return value
        raise HessianError(f"expected {self.name}, got {type(value).__qualname__}")

    def fits(self, value: Any, d: Decoder) -> bool:
        return isinstance(value, self.cls)

    def plan(self, names: tuple[str, ...]) -> Callable[[Decoder], Any]:
        """
        Return what reads an exception whose tag was read.
        """

        def read(d: Decoder) -> BaseException:
            made = self.cls.__new__(self.cls)
            for name, value in _read_fields(d, made, names, self._fields).items():
                if name in self._fields:
                    setattr(made, self._fields[name].name, value)
            return made

        return read

    def is_lasting(self, names: tuple[str, ...]) -> bool:
        """
        Tell that `plan` always returns the same.
        """
        return True


def exception_writer(cls: type[BaseException], java_class: str, fields: ExceptionFields) -> Writer:
    """
    Return what writes exceptions of one Python class.
    """

    def write(e: Encoder, value: BaseException) -> None:
        if not isinstance(value, cls):
            raise unfit(cls.__qualname__, value)
        message = str(value.args[0]) if value.args else None
        own = {name: getattr(value, field.name, None) for name, field in fields.items()}
        _write(e, value, java_class, {_MESSAGE: message, _STACK_TRACE: None, **own}, fields)

    return Writer(write)
