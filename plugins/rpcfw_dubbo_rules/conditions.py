"""
The conditions of Dubbo's condition rules, as ``method=find* & host!=10.0.0.7``.

They mean what they mean in Dubbo 3.2: the last ``*`` of a value stands for any characters;
``1~9`` is a range of whole numbers; ``$name`` on the right of a rule is a parameter of the
consumer. A parameter that is missing meets no condition, not even one with ``!=``; an
argument or attachment that is missing is a text that nobody writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import Factory, define, frozen

from rpcfw.values.arguments import argument_of
from rpcfw.values.call import Call
from rpcfw_dubbo_rules.matches import wildcard
from rpcfw_dubbo_rules.parameters import Parameter

__all__ = ["Conditions", "read_conditions"]

_TOKEN = re.compile(r"([&!=,]*)\s*([^&!=,\s]+)")
_ARGUMENT = re.compile(r"arguments\[([0-9]{1,3})\]\Z")
_ATTACHMENT = re.compile(r"attachments\[([A-Za-z0-9_.\-]{1,256})\]\Z")
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_MAX_TOKENS = 1000

#: Of an argument or attachment that a call does not have.
_MISSING = "\x00missing"

#: Tells whether a value fits, with the parameters of the consumer.
_Fits = Callable[[str, Parameter], bool]


@define
class _Condition:
    name: str
    wanted: list[_Fits] = Factory(list)
    unwanted: list[_Fits] = Factory(list)

    def holds(self, value: str | None, consumer: Parameter) -> bool:
        if value is None or any(fits(value, consumer) for fits in self.unwanted):
            return False
        if self.wanted:
            return any(fits(value, consumer) for fits in self.wanted)
        return bool(self.unwanted)


@frozen
class Conditions:
    """
    Conditions that all have to hold.
    """

    each: tuple[_Condition, ...]

    def hold_for_provider(self, provider: Parameter, consumer: Parameter) -> bool:
        """
        Tell whether they hold for a provider.
        """
        return all(one.holds(provider(one.name), consumer) for one in self.each)

    def hold_for_call(self, call: Call, consumer: Parameter) -> bool:
        """
        Tell whether they hold for a call of this process.
        """
        return all(one.holds(_of_call(one.name, call, consumer), _nothing) for one in self.each)


def read_conditions(text: str, *, of_call: bool) -> Conditions:
    """
    Read the conditions on one side of a rule.

    Args:
        of_call: they are on the left, about the call.

    Raises:
        ValueError: they cannot be read.
    """
    found: dict[str, _Condition] = {}
    condition: _Condition | None = None
    values: list[_Fits] | None = None
    rest = _TOKEN.sub("", text).strip()
    tokens = _TOKEN.findall(text)
    if rest or len(tokens) > _MAX_TOKENS:
        raise ValueError(f"{text[:100]!r} is no list of conditions; write NAME=VALUE & NAME!=VALUE")
    for sign, content in tokens:
        if sign in ("", "&"):
            condition, values = found.setdefault(content, _Condition(content)), None
        elif sign in ("=", "!=") and condition is not None:
            values = condition.wanted if sign == "=" else condition.unwanted
            values.append(_fits(content, of_call))
        elif sign == "," and values:
            values.append(_fits(content, of_call))
        else:
            raise ValueError(f"{text[:100]!r}: {sign!r} before {content[:100]!r} has no meaning")
    for one in found.values():
        if not one.wanted and not one.unwanted:
            raise ValueError(f"{text[:100]!r}: {one.name[:100]!r} is compared with nothing")
    return Conditions(tuple(found.values()))


def _of_call(name: str, call: Call, consumer: Parameter) -> str | None:
    if name in ("method", "methods"):
        return call.method.name.partition("(")[0]  # overloads have their types in the name
    argument = _ARGUMENT.match(name)
    if argument:
        value = argument_of(call, (argument[1],))
        return _MISSING if value is None else value
    attachment = _ATTACHMENT.match(name)
    if attachment:
        sent = call.metadata.get(attachment[1].lower())
        return sent if isinstance(sent, str) else _MISSING
    return consumer(name)


def _nothing(name: str) -> None:
    """
    Have no parameters: on the left of a rule, ``$`` is a character as any.
    """


def _fits(pattern: str, of_call: bool) -> _Fits:
    if "~" in pattern:
        return _range(pattern, otherwise=not of_call)
    if pattern.startswith("$") and not of_call:
        name = pattern[1:]
        return lambda value, consumer: wildcard(consumer(name) or "")(value)
    fits = wildcard(pattern)
    return lambda value, consumer: fits(value)


def _range(pattern: str, *, otherwise: bool) -> _Fits:
    """
    Return what tells whether a whole number is in a range.

    Args:
        otherwise: the answer for what is no number, as Dubbo has it.
    """
    first, _, last = pattern.partition("~")
    ends = [end for end in (first, last) if end]
    if not ends or not all(map(_NUMBER.match, ends)):
        raise ValueError(f"{pattern[:100]!r} is no range; write 1~9, 1~ or ~9")
    low, high = int(first or 0), int(last or 1 << 62)

    def fits(value: str, consumer: Parameter) -> bool:
        return low <= int(value) <= high if _NUMBER.match(value) else otherwise

    return fits
