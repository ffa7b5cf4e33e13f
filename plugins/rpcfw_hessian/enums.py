"""
Enums: in Java an object with one field, the name of the constant.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import INCOMPLETE, Decoder
from rpcfw_hessian.encoder import Encoder, encode_definition
from rpcfw_hessian.errors import HessianError, shown
from rpcfw_hessian.shape import Shape
from rpcfw_hessian.text import encode_string
from rpcfw_hessian.untyped import read_any
from rpcfw_hessian.writer import Writer, unfit

__all__ = ["EnumShape", "enum_writer"]


class EnumShape(Shape):
    """
    Reads constants of one Enum, by name. Python programs may send the name alone.
    """

    tags = tags.OBJECT | tags.STRING

    def __init__(self, cls: type[Enum]) -> None:
        self.name = cls.__qualname__
        self.cls = cls

    def read(self, d: Decoder) -> Any:
        tag = d.data[d.pos]
        if tag == tags.REF:
            d.pos += 1
            return d.accept_shared(self)
        if tag in tags.OBJECT:
            definition = d.definition()
            if definition.cls in (None, self.cls):
                return self.plan(definition.fields)(d)
            raise HessianError(f"expected {self.name}, got {shown(definition.java_class)}")
        return self._constant(read_any(d))

    def _constant(self, name: Any) -> Enum:
        members = self.cls.__members__
        if type(name) is not str or name not in members:
            raise HessianError(f"expected one of {', '.join(members)}, got another value")
        return members[name]

    def plan(self, names: tuple[str, ...]) -> Any:
        """
        Return what reads a constant whose tag was read.
        """

        def read(d: Decoder) -> Enum:
            index = len(d.refs)
            d.begin(INCOMPLETE)
            fields = {name: read_any(d) for name in names}
            d.depth -= 1
            d.refs[index] = constant = self._constant(fields.get("name"))
            return constant

        return read

    def is_lasting(self, names: tuple[str, ...]) -> bool:
        """
        Tell that `plan` always returns the same.
        """
        return True

    def fits(self, value: Any, d: Decoder) -> bool:
        return isinstance(value, self.cls)


def enum_writer(cls: type[Enum], java_class: str | None) -> Writer:
    """
    Return what writes constants of an Enum; without a Java class, their names.
    """
    definition = encode_definition(java_class or "", ("name",))
    # By the names of the constants, not by those of their aliases, which Java does not have.
    names = {member: encode_string(member.name) for member in cls.__members__.values()}

    def write(e: Encoder, value: Any) -> None:
        if type(value) is not cls:
            raise unfit(cls.__qualname__, value)
        name = names.get(value)
        if name is None:
            raise HessianError(f"expected one constant of {cls.__qualname__}, got several flags")
        if java_class is None:
            e.out.append(name)
        elif not e.refer(value):
            e.instance(definition)
            e.out.append(name)

    return Writer(write)
