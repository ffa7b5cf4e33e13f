"""
The fields of a document: each is what it should be, or the document is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rpcfw_dubbo_rules.yaml_text import Value, read_yaml

__all__ = ["Fields", "read_fields"]

_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")


class Fields:
    """
    A map of a document.

    Args:
        where: it stands, for errors.
    """

    def __init__(self, values: Mapping[str, Value], where: str) -> None:
        self._values = values
        self.where = where

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    @property
    def names(self) -> Sequence[str]:
        """
        The names of the fields that have a value.
        """
        return [name for name in self._values if name in self]

    def text(self, name: str, default: str = "") -> str:
        """
        Return a text.

        Raises:
            ValueError: it is none. The other methods raise the like.
        """
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value.strip()

    def truth(self, name: str, *, default: bool) -> bool:
        """
        Return true or false.
        """
        text = self.text(name).lower()
        if text and text not in (*_TRUE, *_FALSE):
            raise ValueError(f"{self.where}{name}: expected true or false, got {text[:100]!r}")
        return default if not text else text in _TRUE

    def texts(self, name: str) -> tuple[str, ...]:
        """
        Return a list of texts; empty if there is none.
        """
        values = self._list(name)
        found = tuple(value for value in values if isinstance(value, str))
        if len(found) < len(values):
            raise ValueError(f"{self.where}{name}: expected a list of texts")
        return tuple(text.strip() for text in found)

    def inner(self, name: str) -> Fields | None:
        """
        Return a map; None if there is none.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "a map")
        return Fields(value, f"{self.where}{name}: ")

    def each(self, name: str) -> list[Fields]:
        """
        Return a list of maps; empty if there is none.
        """
        found = []
        for number, value in enumerate(self._list(name), 1):
            where = f"{self.where}{name} {number}: "
            if not isinstance(value, dict):
                raise self._wrong(f"{name} {number}", "a map")
            found.append(Fields(value, where))
        return found

    def _wrong(self, name: str, expected: str) -> ValueError:
        return ValueError(f"{self.where}{name}: expected {expected}")

    def _list(self, name: str) -> list[Value]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value


def read_fields(text: str, newest: str) -> Fields:
    """
    Read a document.

    Args:
        newest: the last version of its form that is known, as ``v3.0``.

    Raises:
        ValueError: it is no map, or of a newer form.
    """
    document = read_yaml(text)
    fields = Fields({"document": document}, "").inner("document")
    if fields is None:
        raise ValueError("it is empty")
    version = fields.text("configVersion").lower()
    if version > newest and not version.startswith(newest):
        raise ValueError(f"configVersion is {version[:100]!r}; up to {newest} is read")
    return fields
