"""
Writes instances of the program's own classes.
"""

from __future__ import annotations

from typing import Any

from rpcfw_hessian.encoder import Encoder, Write, encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.records import Field
from rpcfw_hessian.source import Source
from rpcfw_hessian.text import encode_string
from rpcfw_hessian.writer import WrittenWriter, unfit, write_reference

__all__ = ["RecordWriter"]

#: Tags of the instances of the first classes of a message.
_TAGS = [bytes((tag,)) for tag in range(0x60, 0x70)]


class RecordWriter(WrittenWriter):
    """
    Writes instances of one class; those of subclasses are written by their own.

    Args:
        java_class: without one, they are written as maps, which Java reads where it expects
            the class.
    """

    def __init__(self, cls: type, java_class: str | None) -> None:
        super().__init__()
        self._cls = cls
        self._java_class = java_class
        self.fields: tuple[Field, ...] = ()

    def complete(self, fields: tuple[Field, ...]) -> None:
        """
        Set the fields, whose types may be the class itself.
        """
        self.fields = fields

    @property
    def name(self) -> str:
        """
        Name of the class.
        """
        return self._cls.__qualname__

    @property
    def can_be_plain(self) -> bool:
        """
        Whether all fields are scalars, or lists of these.
        """
        return self._java_class is not None and all(
            field.writer.scalar or field.writer.plain_list for field in self.fields
        )

    def write_plain(self, source: Source, prefix: bytes) -> None:
        """
        Write source that puts an instance, which is the whole message, into the list ``out``.

        Args:
            prefix: what comes before it.
        """
        assert self._java_class is not None
        begin = prefix + encode_definition(self._java_class, self._names()) + _TAGS[0]
        with source.block(f"if type(value) is not {source.bind(self._cls)}:"):
            source.add(source.give_up)
        source.add(f"out = [{source.bind(begin)}]", "append = out.append")
        for number, field in enumerate(self.fields):
            source.add(f"item_{number} = value.{field.name}")
            field.writer.inline(source, f"item_{number}")

    def _names(self) -> tuple[str, ...]:
        return tuple(field.java_name for field in self.fields)

    def _written(self) -> Write:
        source = Source("def write_fields(e, value):", HessianError=HessianError)
        with source.block(f"if type(value) is not {source.bind(self._cls)}:"):
            source.add(f"return {source.bind(self._write_other)}(e, value)")
        write_reference(source)
        source.add("append = e.out.append")
        if self._java_class is None:
            source.add("append(b'H')")
        else:
            self._write_instance(source, self._java_class)
        source.add("field = ''")
        with source.block("try:"):
            for field in self.fields:
                source.add(f"field = {field.name!r}", f"item = value.{field.name}")
                if self._java_class is None:
                    source.add(f"append({encode_string(field.java_name)!r})")
                field.writer.inline(source, "item")
        with source.block("except HessianError as error:"):
            source.add("error.path.append(f'.{field}')", "raise")
        if self._java_class is None:
            source.add("append(b'Z')")
        return source.function(f"writes {self._cls.__qualname__}")

    def _write_instance(self, source: Source, java_class: str) -> None:
        """
        Write source that does what `Encoder.instance` does.
        """
        encoded = encode_definition(java_class, self._names())
        definition, first = source.bind(encoded), source.bind(encoded + _TAGS[0])
        source.add("definitions = e.definitions")
        with source.block("if not definitions:"):
            # The first object of a message: most messages are one object.
            source.add(f"definitions[{definition}] = 0", f"append({first})")
        with source.block(f"elif (number := definitions.get({definition}, 16)) < 16:"):
            source.add(f"append({source.bind(_TAGS)}[number])")
        with source.block("else:"):
            source.add(f"e.instance({definition})")

    def _write_other(self, e: Encoder, value: Any) -> None:
        """
        Write an instance of a subclass.
        """
        if not isinstance(value, self._cls):
            raise unfit(self._cls.__qualname__, value)
        e.schema.writer_of(type(value))(e, value)
