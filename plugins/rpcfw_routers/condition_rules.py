"""
Rules of the form ``conditions on a call => conditions on instances``.

One rule a line, as in Dubbo's condition rules, so those can be pasted::

    method=get*,find* => version=2.*
    - application=report & arguments[0].region=eu => zone=west
    host=10.1.0.0/16 =>
    => tag.lane!=drained

Without conditions on the left a rule is for every call. Without any on the right it refuses
the calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from rpcfw.values.arguments import argument_of, parse_path
from rpcfw.values.call import Call
from rpcfw.values.patterns import Condition, is_one_of, read_conditions
from rpcfw_routers.method_names import names_of
from rpcfw_routers.targets import Target, read_target

__all__ = ["Rule", "read_rules"]

#: More than anybody reads.
_MAX_RULES = 1_000
#: Lines of Dubbo's YAML beside the rules themselves.
_YAML_KEY = re.compile(
    r"(configVersion|scope|force|runtime|enabled|priority|key|conditions)\s*:", re.IGNORECASE
)

Read = Callable[[Call], Sequence[str]]


@frozen(eq=False)
class Rule:
    """
    One rule.

    Args:
        text: as it is written.
        steady: conditions on what all calls of a method have in common.
        varying: conditions on arguments and metadata.
        target: the instances that it leaves; None to refuse the call.
    """

    text: str
    steady: tuple[tuple[Read, Condition], ...]
    varying: tuple[tuple[Read, Condition], ...]
    target: Target | None


def read_rules(text: str, variables: Mapping[str, str]) -> list[Rule]:
    """
    Read all rules.

    Args:
        variables: ``application`` and ``host`` of this process, which rules may name.

    Raises:
        ValueError: with the line and the reason.
    """
    lines = [line.strip() for line in text.splitlines()]
    rules = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            rules.append(_rule(line, variables))
        except ValueError as error:
            raise ValueError(f"line {number} of the rules, {line[:100]!r}: {error}") from None
    if len(rules) > _MAX_RULES:
        raise ValueError(f"there are {len(rules)} rules, more than {_MAX_RULES}")
    return rules


def _rule(line: str, variables: Mapping[str, str]) -> Rule:
    if _YAML_KEY.match(line):
        raise ValueError("only the lines under conditions: belong here; force is an option")
    text = line.removeprefix("- ").strip().strip("\"'")
    when, arrow, then = text.partition("=>")
    if not arrow:
        raise ValueError("a rule has => between the conditions on the call and on instances")
    conditions = read_conditions(when, variables)
    varying = [each for each in conditions if each.field.startswith(("argument.", "metadata."))]
    steady = [each for each in conditions if each not in varying]
    return Rule(
        text,
        tuple((_steady(each.field, variables), each) for each in steady),
        tuple((_varying(each.field), each) for each in varying),
        read_target(then, variables) if then.strip() else None,
    )


def _steady(field: str, variables: Mapping[str, str]) -> Read:
    application, host = (variables["application"],), (variables["host"],)
    known: dict[str, Read] = {
        "method": lambda call: names_of(call.method),
        "application": lambda call: application,
        "host": lambda call: host,
    }
    is_one_of("field of a call", field, (*known, "argument.PATH", "metadata.NAME"))
    return known[field]


def _varying(field: str) -> Read:
    kind, _, name = field.partition(".")
    if kind == "argument":
        path = parse_path(name)
        return lambda call: _one(argument_of(call, path))
    name = name.lower()
    return lambda call: [each for each in call.metadata.all(name) if isinstance(each, str)]


def _one(value: str | None) -> Sequence[str]:
    return () if value is None else (value,)
