"""
Who may call what: the rules of the server's filter and of the client's router.

One rule a line: ``allow`` or ``deny``, and conditions on the call, all of which must hold::

    deny  host=10.9.0.0/16
    allow method=demo.Shop/get* & identity=spiffe://example.org/shop/*
    allow identity=hmac:admin

A call is refused if any ``deny`` holds, whatever their order. Otherwise it is allowed if any
``allow`` holds. If none does, the option ``default`` decides. This is the order of gRPC's
authorization policy (proposal A43).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from rpcfw.spi.access.rules import AccessRule, read_access_rules
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem
from rpcfw.values.call import Call
from rpcfw.values.patterns import Condition
from rpcfw_routers.method_names import names_of

__all__ = ["AccessOptions", "AccessRules", "Read", "metadata_of"]

#: Returns the values of a field of a call.
Read = Callable[[Call], Sequence[str]]

#: Looked at once for each method; all other fields, at each call.
_OF_METHOD: Mapping[str, Read] = {
    "method": lambda call: names_of(call.method),
    "service": lambda call: (call.method.service,),
}


@options
class AccessOptions:
    """
    What the INI may say, of either.
    """

    rules: str = option("", "one a line: allow CONDITIONS, or deny CONDITIONS")
    file: Path | None = option("", "file with more rules; read again when it changes")
    default: Literal["deny", "allow"] = option("deny", "calls that no rule is about")

    #: Fields that conditions can be on, beside those of the method.
    FIELDS: ClassVar[tuple[str, ...]] = ("application", "host", "metadata.NAME")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find rules that cannot be read, or that would refuse all calls. Reads the file.
        """
        try:
            rules = self._read(self.rules)
        except ValueError as error:
            yield "rules", str(error)
            return
        problem = self.file and file_problem(self.file, self._parse)
        if problem:
            yield "file", problem
        if not rules and self.file is None:
            yield "rules", "expected a rule, as: allow application=shop-*"
        elif self.default == "deny" and not self.file and not any(rule.allows for rule in rules):
            yield "default", "no rule allows a call, and deny refuses all others: set it to allow"

    def _read(self, text: str) -> list[AccessRule]:
        return read_access_rules(text, (*_OF_METHOD, *self.FIELDS))

    def _parse(self, content: bytes) -> list[AccessRule]:
        rules = self._read(content.decode())
        if not rules:
            # So is a file that somebody is writing. It must not remove what denies.
            raise ValueError("expected a rule, as: allow application=shop-*")
        return rules

    def followed(
        self, readers: Mapping[str, Read], plugin_context: PluginContext
    ) -> Callable[[], AccessRules]:
        """
        Return what gives the rules as they are now.

        Args:
            readers: of all fields but those of the method and the metadata.
            plugin_context: tells the time.
        """
        own, allows = self._read(self.rules), self.default == "allow"
        if self.file is None:
            rules = AccessRules(own, readers, allows)
            return lambda: rules
        return FollowedFile(
            self.file,
            lambda content: AccessRules([*own, *self._parse(content)], readers, allows),
            plugin_context.clock.seconds,
            plugin_context.time_of_day,
        ).current


class AccessRules:
    """
    Rules that were read.

    Args:
        rules: them.
        readers: of the fields that conditions are on.
        default_allows: what is done with calls that no rule is about.
    """

    def __init__(
        self, rules: Sequence[AccessRule], readers: Mapping[str, Read], default_allows: bool
    ) -> None:
        # Deny first.
        self._rules = sorted(rules, key=lambda rule: rule.allows)
        self._readers = readers
        self._default_allows = default_allows
        #: By path: those that may hold, and their conditions that are left. Who serves or calls
        #: has a bounded number of methods.
        self._by_method: dict[str, list[tuple[AccessRule, list[tuple[Read, Condition]]]]] = {}

    def refusal(self, call: Call) -> str:
        """
        Return why a call is refused; empty if it is not.
        """
        path = call.method.path
        rules = self._by_method.get(path)
        if rules is None:
            rules = self._by_method[path] = self._of_method(call)
        for rule, conditions in rules:
            for read, condition in conditions:
                if not condition.holds(read(call)):
                    break
            else:
                return "" if rule.allows else f"the rule {rule.text!r} holds"
        return "" if self._default_allows else "no rule allows it"

    def _of_method(self, call: Call) -> list[tuple[AccessRule, list[tuple[Read, Condition]]]]:
        found = []
        for rule in self._rules:
            of_method = [each for each in rule.conditions if each.field in _OF_METHOD]
            if all(each.holds(_OF_METHOD[each.field](call)) for each in of_method):
                others = [each for each in rule.conditions if each.field not in _OF_METHOD]
                found.append((rule, [(self._reader(each.field), each) for each in others]))
        return found

    def _reader(self, field: str) -> Read:
        kind, dot, name = field.partition(".")
        return metadata_of(name) if dot and kind == "metadata" else self._readers[field]


def metadata_of(name: str) -> Read:
    """
    Return what reads the texts of a name in the metadata.
    """
    name = name.lower()
    return lambda call: [each for each in call.metadata.all(name) if isinstance(each, str)]
