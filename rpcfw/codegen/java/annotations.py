"""
Java types as annotations of Python, with the names of `rpcfw_hessian`.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from rpcfw.codegen.java.definition import JavaClass
from rpcfw.codegen.java.types import PRIMITIVES, JavaType

__all__ = ["Annotation", "Annotator"]

_PRIMITIVES = {
    "boolean": "bool",
    "byte": "Byte",
    "char": "Char",
    "double": "float",
    "float": "Float",
    "int": "Int",
    "long": "Long",
    "short": "Short",
    "void": "None",
}
_BOXES = {
    "java.lang.Boolean": "bool",
    "java.lang.Byte": "Byte",
    "java.lang.Character": "Char",
    "java.lang.Double": "float",
    "java.lang.Float": "Float",
    "java.lang.Integer": "Int",
    "java.lang.Long": "Long",
    "java.lang.Short": "Short",
}
_SIMPLE = {
    **_BOXES,
    "java.lang.String": "str",
    "java.math.BigDecimal": "Decimal",
    "java.math.BigInteger": "BigInteger",
    "java.sql.Timestamp": "Timestamp",
    "java.time.Duration": "timedelta",
    "java.time.Instant": "Instant",
    "java.time.LocalDate": "date",
    "java.time.LocalTime": "time",
    "java.util.Date": "datetime",
    "java.util.UUID": "UUID",
}
_DATETIMES = frozenset(
    (
        "java.sql.Date",
        "java.sql.Time",
        "java.time.LocalDateTime",
        "java.time.OffsetDateTime",
        "java.time.ZonedDateTime",
    )
)
#: Collections: what Python has, and the class that is sent for an interface.
_COLLECTIONS = {
    "java.util.List": ("list", "java.util.List"),
    "java.util.Collection": ("list", "java.util.Collection"),
    "java.lang.Iterable": ("list", "java.util.List"),
    "java.util.ArrayList": ("list", "java.util.ArrayList"),
    "java.util.LinkedList": ("list", "java.util.LinkedList"),
    "java.util.Vector": ("list", "java.util.Vector"),
    "java.util.Queue": ("list", "java.util.LinkedList"),
    "java.util.Deque": ("list", "java.util.LinkedList"),
    "java.util.ArrayDeque": ("list", "java.util.ArrayDeque"),
    "java.util.Set": ("set", "java.util.Set"),
    "java.util.HashSet": ("set", "java.util.HashSet"),
    "java.util.LinkedHashSet": ("set", "java.util.LinkedHashSet"),
    "java.util.TreeSet": ("set", "java.util.TreeSet"),
    "java.util.SortedSet": ("set", "java.util.TreeSet"),
    "java.util.NavigableSet": ("set", "java.util.TreeSet"),
    "java.util.Map": ("dict", "java.util.Map"),
    "java.util.HashMap": ("dict", "java.util.HashMap"),
    "java.util.LinkedHashMap": ("dict", "java.util.LinkedHashMap"),
    "java.util.TreeMap": ("dict", "java.util.TreeMap"),
    "java.util.SortedMap": ("dict", "java.util.TreeMap"),
    "java.util.NavigableMap": ("dict", "java.util.TreeMap"),
    "java.util.concurrent.ConcurrentMap": ("dict", "java.util.concurrent.ConcurrentHashMap"),
    "java.util.concurrent.ConcurrentHashMap": (
        "dict",
        "java.util.concurrent.ConcurrentHashMap",
    ),
}
#: What `rpcfw_hessian` takes for a plain list, set and dict.
_DEFAULTS = {"list": "java.util.List", "set": "java.util.Set", "dict": "java.util.Map"}
#: What these are on the wire all the same. Only as a parameter is the class part of a method.
_PLAIN = frozenset(
    ("java.util.ArrayList", "java.util.Collection", "java.util.HashMap", "java.util.HashSet")
)
#: What a method returns whose result comes later. On the wire it is the result.
_FUTURES = frozenset(
    ("java.util.concurrent.CompletableFuture", "java.util.concurrent.CompletionStage")
)
_UNKNOWN = "Any"


@frozen
class Annotation:
    """
    An annotation.

    Args:
        text: for a value that is not null.
        java: the Java type that a client takes it for; empty for Object.
        nullable: whether null may come.
        hashable: whether its values may be in a set.
    """

    text: str
    java: str = ""
    nullable: bool = True
    hashable: bool = True

    def __str__(self) -> str:
        if self.nullable and self.text not in (_UNKNOWN, "None"):
            return f"{self.text} | None"
        return self.text


_ANY = Annotation(_UNKNOWN, "java.lang.Object", hashable=False)


class Annotator:
    """
    Finds annotations, and notes which classes they need.

    Args:
        classes: those of the definition.
        names: their names in Python.
    """

    def __init__(self, classes: Mapping[str, JavaClass], names: Mapping[str, str]) -> None:
        self._classes = classes
        self._names = names
        #: Full names of the classes that were needed, each once, in the order of their first use.
        self.needed: dict[str, None] = {}

    def parameter(self, type: JavaType) -> Annotation:
        """
        Return the annotation of a method's parameter.
        """
        name = type.name
        if name not in _PLAIN or type.dimensions:
            return self.find(type)
        found = self.find(type)
        if found.text == _UNKNOWN or found.java == name:
            return found
        return Annotation(f'Annotated[{found.text}, java_type("{name}")]', name, hashable=False)

    def result(self, type: JavaType) -> Annotation:
        """
        Return the annotation of a method's result.
        """
        if type.name in _FUTURES and not type.dimensions:
            return self.find(type.arguments[0]) if type.arguments else _ANY
        return self.find(type)

    def find(self, type: JavaType) -> Annotation:
        """
        Return the annotation of a type; ``Any`` if there is nothing better.
        """
        if type.dimensions:
            return self._array(type)
        name = type.name.replace("$", ".")
        if name in PRIMITIVES:
            return Annotation(_PRIMITIVES[name], name, nullable=False)
        if name in _SIMPLE:
            return Annotation(_SIMPLE[name], name)
        if name in _DATETIMES:
            return Annotation(f'Annotated[datetime, java_type("{name}")]', name)
        if name in _COLLECTIONS:
            return self._collection(*_COLLECTIONS[name], type.arguments)
        return self._class(name, type)

    def _class(self, name: str, type: JavaType) -> Annotation:
        found = self._classes.get(name)
        if found is None or name not in self._names:
            return _ANY
        self.needed[name] = None
        return Annotation(self._names[name], type.erased, hashable=bool(found.constants))

    def _array(self, type: JavaType) -> Annotation:
        erased = type.erased
        if erased == "byte[]":
            return Annotation("bytes", erased)
        text = self.find(type.element).text
        if erased == "char[]":
            return Annotation(f'Annotated[str, java_type("{erased}")]', erased)
        for _ in range(type.dimensions):
            text = f"list[{text}]"
        return Annotation(f'Annotated[{text}, java_type("{erased}")]', erased, hashable=False)

    def _collection(self, python: str, java: str, arguments: tuple[JavaType, ...]) -> Annotation:
        count = 2 if python == "dict" else 1
        items = [self.find(each) for each in arguments] if len(arguments) == count else []
        items = items or [_ANY] * count
        if python == "dict" and arguments and not items[0].hashable:
            # Python has no dict with such keys.
            return _ANY
        if python == "set" and not items[0].hashable:
            python, java = "list", "java.util.HashSet" if java == _DEFAULTS["set"] else java
        text = f"{python}[{', '.join(each.text for each in items)}]"
        if java in _PLAIN and (python, java) != ("list", "java.util.HashSet"):
            java = _DEFAULTS[python]
        if java != _DEFAULTS[python]:
            text = f'Annotated[{text}, java_type("{java}")]'
        return Annotation(text, java, hashable=False)
