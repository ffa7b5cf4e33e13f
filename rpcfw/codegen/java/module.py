"""
The definition of an interface to the text of a Python module.

The module has a dataclass or an Enum for each class that the methods need, and a service class,
by which a client calls the provider. Subclasses of it serve the interface.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from textwrap import wrap

from rpcfw.codegen.java.annotations import Annotation, Annotator
from rpcfw.codegen.java.definition import JavaClass, JavaMethod, ServiceDefinition
from rpcfw.codegen.java.names import attribute_names, class_names, is_plain, method_names
from rpcfw.codegen.java.types import JavaType, binary_name

__all__ = ["stub_module"]

_WIDTH = 100
#: A method with such a parameter streams, which Dubbo's own protocol cannot.
_STREAM = "org.apache.dubbo.common.stream.StreamObserver"
#: Names that a member of an Enum cannot have, or by which it would hide what all members have.
_NO_MEMBERS = frozenset(("mro", "name", "value"))
#: Defaults of the fields of primitive types, as in Java.
_ZEROS = {"bool": "False", "float": "0.0", "Float": "0.0", "Char": '"\\0"'}
_IMPORTS = {
    "dataclasses": ("dataclass",),
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "enum": ("Enum",),
    "typing": ("Annotated", "Any"),
    "uuid": ("UUID",),
}
_HESSIAN = (
    *("BigInteger", "Byte", "Char", "Float", "Instant", "Int", "Long", "Short", "Timestamp"),
    *("java", "java_type"),
)


def stub_module(
    definition: ServiceDefinition, is_idempotent: Callable[[str], bool] = lambda name: False
) -> str:
    """
    Return the text of the module.

    Args:
        is_idempotent: whether the method with this name in Java may be repeated.
    """
    return _Module(definition, is_idempotent).text()


class _Module:
    """
    The parts of one module.
    """

    def __init__(self, definition: ServiceDefinition, is_idempotent: Callable[[str], bool]) -> None:
        self._definition = definition
        self._is_idempotent = is_idempotent
        known = {name: each for name, each in definition.classes.items() if _is_ours(each)}
        self._methods = [each for each in definition.methods if not _streams(each)]
        needed = _needed(self._methods, known)
        self._names = class_names((definition.name, *needed))
        self._annotator = Annotator(known, self._names)

    def text(self) -> str:
        """
        Return the whole text.
        """
        blocks = [self._service(), *map(self._class, self._sorted())]
        blocks = [*blocks[1:], blocks[0]]
        body = "\n\n\n".join("\n".join(lines) for lines in blocks)
        return f"{self._head(body)}\n\n\n{body}\n"

    def _sorted(self) -> Iterable[JavaClass]:
        others = (name for name in self._names if name in self._definition.classes)
        found = sorted(others, key=self._names.__getitem__)
        return (self._definition.classes[name] for name in found)

    def _head(self, body: str) -> str:
        about = f"Calls {self._definition.name}, a service in Java, over Dubbo's protocol."
        origin = self._definition.origin
        written = f"Written by `rpcfw java-stubs` from the definition of {origin or 'a provider'}."
        lines = ['"""', about, "", *_wrapped(written, ""), "Do not edit: write it again.", '"""']
        sections = [lines, ["from __future__ import annotations"]]
        used = set(re.findall(r"\w+", re.sub(r'"[^"\n]*"', "", body)))
        standard = [_from(module, names, used) for module, names in _IMPORTS.items()]
        sections.append([line for line in standard if line])
        own = ["import rpcfw"]
        if self._methods:
            own.append("from rpcfw.errors import Unimplemented")
        own.append(_from("rpcfw_hessian", _HESSIAN, used))
        sections.append([line for line in own if line])
        exported = sorted(self._names.values())
        sections.append(["__all__ = [", *(f'    "{name}",' for name in exported), "]"])
        return "\n\n".join("\n".join(lines) for lines in sections if lines)

    # Classes.

    def _class(self, cls: JavaClass) -> list[str]:
        return self._enum(cls) if cls.constants else self._dataclass(cls)

    def _enum(self, cls: JavaClass) -> list[str]:
        name, java = self._names[cls.name], binary_name(cls.name)
        if not all(map(is_plain, cls.constants)):
            # A constant is called as a keyword of Python is: it is Name["None"].
            members = (f'        "{constant}": "{constant}",' for constant in cls.constants)
            return [
                f"{name} = Enum(",
                f'    "{name}",',
                "    {",
                *members,
                "    },",
                ")",
                f'java("{java}")({name})',
            ]
        return [
            f'@java("{java}")',
            f"class {name}(Enum):",
            *_docstring("    ", f"``{cls.name}`` in Java."),
            "",
            *(f'    {constant} = "{constant}"' for constant in cls.constants),
        ]

    def _dataclass(self, cls: JavaClass) -> list[str]:
        attributes = attribute_names(cls.properties, self._names.values())
        others = {
            attribute: name
            for name, attribute in attributes.items()
            if _camel_case(attribute) != name
        }
        lines = [
            *_marked(binary_name(cls.name), others),
            "@dataclass",
            f"class {self._names[cls.name]}:",
            *_docstring("    ", f"``{cls.name}`` in Java."),
            "",
        ]
        for name, attribute in attributes.items():
            found = self._annotator.find(cls.properties[name])
            default = "None" if found.nullable else _ZEROS.get(found.text, "0")
            lines.append(_line(f"    {attribute}: {found} = {default}"))
        return lines

    # The service.

    def _service(self) -> list[str]:
        name = self._definition.name
        left_out = len(self._definition.methods) - len(self._methods)
        about = f"``{name}`` in Java."
        if left_out:
            about += f" Left out: {left_out} methods that stream."
        lines = [
            f'class {self._names[name]}(rpcfw.Service, name="{name}"):',
            *_docstring("    ", about),
        ]
        counts: dict[str, int] = {}
        for each in self._methods:
            counts[each.name] = counts.get(each.name, 0) + 1
        for attribute, method in method_names(self._methods, self._names):
            lines += ["", *self._method(attribute, method, overloaded=counts[method.name] > 1)]
        return lines

    def _method(self, attribute: str, method: JavaMethod, *, overloaded: bool) -> list[str]:
        found = [self._annotator.parameter(each) for each in method.parameters]
        # A provider finds a method by the exact types of its parameters.
        exact = not overloaded and all(map(_is_exact, found, method.parameters))
        name = method.name if exact else method.signature
        words = [f'name="{name}"'] if name != attribute else []
        words += ["idempotent=True"] if self._is_idempotent(method.name) else []
        parameters = [f"arg{at}: {each}" for at, each in enumerate(found)]
        result = self._annotator.result(method.result)
        error = f"{self._definition.name}/{method.name} is declared but not written"
        return [
            *_wrapped(f"In Java: {method}", "    # "),
            *_call("    @rpcfw.method", words, "" if words else None),
            *_call(f"    async def {attribute}", ["self", *parameters], f" -> {result}:"),
            *_call("        raise Unimplemented", [f'"{error}"'], ""),
        ]


def _is_exact(found: Annotation, type: JavaType) -> bool:
    return found.java == type.erased


def _is_ours(cls: JavaClass) -> bool:
    """
    Whether a class gets one in Python: not those of the JDK, nor what cannot be written.
    """
    if cls.name.startswith(("java.", "javax.", "jdk.", "sun.")):
        return False
    return not any(name in _NO_MEMBERS or name.startswith("_") for name in cls.constants)


def _streams(method: JavaMethod) -> bool:
    return any(each.name == _STREAM for each in (*method.parameters, method.result))


def _needed(methods: Iterable[JavaMethod], known: dict[str, JavaClass]) -> Iterable[str]:
    """
    Return the classes that methods take and return, and those inside them.
    """
    annotator = Annotator(known, dict.fromkeys(known, "Any"))
    for each in methods:
        annotator.result(each.result)
        for parameter in each.parameters:
            annotator.find(parameter)
    done = 0
    while done < len(annotator.needed):
        name = list(annotator.needed)[done]
        for type in known[name].properties.values():
            annotator.find(type)
        done += 1
    return annotator.needed


# Text.


def _from(module: str, names: Iterable[str], used: set[str]) -> str:
    found = [name for name in names if name in used]
    if not found:
        return ""
    line = f"from {module} import {', '.join(found)}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join((f"from {module} import (", *(f"    {name}," for name in found), ")"))


def _wrapped(text: str, indent: str) -> list[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _line(text: str) -> str:
    # ruff does not mind a long line that is a single word.
    if len(text) <= _WIDTH or " " not in text.strip():
        return text
    return f"{text}  # noqa: E501"


def _docstring(indent: str, text: str) -> list[str]:
    return [f'{indent}"""', *_wrapped(text, indent), f'{indent}"""']


def _call(before: str, words: list[str], after: str | None) -> list[str]:
    """
    Return a call or a signature on one line, or with a line for each word.
    """
    if after is None:
        return [before]
    line = f"{before}({', '.join(words)}){after}"
    if len(line) <= _WIDTH:
        return [line]
    indent = before[: len(before) - len(before.lstrip())]
    return [f"{before}(", *(_line(f"{indent}    {word},") for word in words), f"{indent}){after}"]


def _marked(java: str, names: dict[str, str]) -> list[str]:
    if not names:
        return [f'@java("{java}")']
    pairs = [f'"{attribute}": "{name}"' for attribute, name in names.items()]
    line = f'@java("{java}", names={{{", ".join(pairs)}}})'
    if len(line) <= _WIDTH:
        return [line]
    members = (f"        {pair}," for pair in pairs)
    return ["@java(", f'    "{java}",', "    names={", *members, "    },", ")"]


def _camel_case(name: str) -> str:
    """
    Return what `rpcfw_hessian` takes for the name in Java.
    """
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
