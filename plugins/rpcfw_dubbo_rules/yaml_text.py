"""
YAML as the documents of Dubbo use it: maps, lists and texts, within bounds.

The values are built from the events of the parser. A constructor of PyYAML would take memory
for aliases that repeat each other, and the stack for deep nesting. Scalars stay text: Dubbo
reads most of them as text, too.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from rpcfw.values.rule import MAX_DOCUMENT_BYTES

__all__ = ["Value", "read_yaml"]

#: What a document is made of.
Value: TypeAlias = "dict[str, Value] | list[Value] | str | None"

_MAX_DEPTH = 16
_MAX_EVENTS = 20_000
_TAGS = (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq")))
_NULLS = ("", "~", "null", "Null", "NULL")


def read_yaml(text: str) -> Value:
    """
    Read one document.

    Raises:
        ValueError: it is no YAML, over a bound, or has aliases, anchors, or tags of its own.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_DOCUMENT_BYTES:
        raise ValueError(f"it has {size} bytes, more than {MAX_DOCUMENT_BYTES}")
    try:
        import yaml
    except ImportError:
        raise ValueError("PyYAML is not installed; pip install 'rpcfw[dubbo]'") from None
    builder = _Builder(yaml)
    try:
        for count, event in enumerate(
            yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        ):
            if count >= _MAX_EVENTS:
                raise ValueError(f"it has more than {_MAX_EVENTS} parts")
            builder.take(event)
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())[:200]}") from None
    return builder.document


class _Builder:
    """
    Builds one value from the events of a parser.

    Args:
        yaml: the library, which is optional.
    """

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self.document: Value = None
        self._documents = 0
        #: The maps and lists that are open, and of each map the key that waits for its value.
        self._open: list[dict[str, Value] | list[Value]] = []
        self._keys: list[str | None] = []

    def take(self, event: Any) -> None:
        """
        Take the next event.
        """
        yaml = self._yaml
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("it has an anchor or an alias (& or *): write the value again")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise ValueError("it has more than one document")
        elif isinstance(event, yaml.ScalarEvent):
            self._check_tag(event)
            plain = not event.style  # None in Python, and empty in libyaml
            self._add(None if plain and event.value in _NULLS else event.value)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin(event, {})
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin(event, [])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._open.pop()
            self._keys.pop()

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _TAGS:
            raise ValueError(f"it has the tag {event.tag[:100]!r}: only plain values are read")

    def _begin(self, event: Any, value: dict[str, Value] | list[Value]) -> None:
        self._check_tag(event)
        if len(self._open) >= _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
        self._add(value)
        self._open.append(value)
        self._keys.append(None)

    def _add(self, value: Value) -> None:
        if not self._open:
            self.document = value
            return
        inner, key = self._open[-1], self._keys[-1]
        if isinstance(inner, list):
            inner.append(value)
        elif key is not None:
            inner[key], self._keys[-1] = value, None
        else:
            self._keys[-1] = self._new_key(inner, value)

    def _new_key(self, inner: dict[str, Value], value: Value) -> str:
        if isinstance(value, str) and value not in inner:
            return value
        raise ValueError(f"{str(value)[:100]!r} is no key of a map, or is there twice")
