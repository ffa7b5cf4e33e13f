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

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import ClassVar, Literal

from attrs import frozen

from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem
from rpcfw.values.call import Call
from rpcfw_routers.method_names import names_of
from rpcfw_routers.patterns import Condition, is_one_of, read_conditions

__all__ = ["AccessOptions", "AccessRules", "Read", "metadata_of"]

#: Returns the values of a field of a call.
Read = Callable[[Call], Sequence[str]]

_MAX_RULES = 1_000
_COMMENT = re.compile(r"\s#")
#: Of the names that this framework finds; authenticators of users have others.
_KINDS = frozenset(("spiffe", "uri", "dns", "hmac", "jwt"))
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
            rules = _read_rules(self.rules, self.FIELDS)
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

    def _parse(self, content: bytes) -> list[_Rule]:
        rules = _read_rules(content.decode(), self.FIELDS)
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
        own, allows = _read_rules(self.rules, self.FIELDS), self.default == "allow"
        if self.file is None:
            rules = AccessRules(own, readers, allows)
            return lambda: rules
        return FollowedFile(
            self.file,
            lambda content: AccessRules([*own, *self._parse(content)], readers, allows),
            plugin_context.clock.seconds,
            plugin_context.time_of_day,
        ).current


@frozen(eq=False)
class _Rule:
    text: str
    allows: bool
    conditions: tuple[Condition, ...]


class AccessRules:
    """
    Rules that were read.

    Args:
        rules: them.
        readers: of the fields that conditions are on.
        default_allows: what is done with calls that no rule is about.
    """

    def __init__(
        self, rules: Sequence[_Rule], readers: Mapping[str, Read], default_allows: bool
    ) -> None:
        # Deny first.
        self._rules = sorted(rules, key=lambda rule: rule.allows)
        self._readers = readers
        self._default_allows = default_allows
        #: By path: those that may hold, and their conditions that are left. Who serves or calls
        #: has a bounded number of methods.
        self._by_method: dict[str, list[tuple[_Rule, list[tuple[Read, Condition]]]]] = {}

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

    def _of_method(self, call: Call) -> list[tuple[_Rule, list[tuple[Read, Condition]]]]:
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


def _read_rules(text: str, fields: Sequence[str]) -> list[_Rule]:
    """
    Read rules; empty lines and comments are skipped.

    Raises:
        ValueError: with the line and the reason.
    """
    rules = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        try:
            rules.append(_rule(line, fields))
        except ValueError as error:
            raise ValueError(f"line {number} of the rules, {line[:100]!r}: {error}") from None
    if len(rules) > _MAX_RULES:
        raise ValueError(f"there are {len(rules)} rules, more than {_MAX_RULES}")
    return rules


def _rule(line: str, fields: Sequence[str]) -> _Rule:
    word, _, rest = line.partition(" ")
    if word not in ("allow", "deny"):
        raise ValueError(f"expected allow or deny before the conditions, got {word[:100]!r}")
    if _COMMENT.search(rest):
        # It would belong to the last pattern, which would fit nothing.
        raise ValueError("a comment needs a line of its own")
    checks = {"host": _host_pattern, "identity": _identity_pattern}
    conditions = read_conditions(rest, {}, checks)
    for each in conditions:
        kind, dot, name = each.field.partition(".")
        if not (dot and name and kind == "metadata"):
            is_one_of("field of a call", each.field, (*_OF_METHOD, *fields))
    return _Rule(" ".join(line.split()), word == "allow", tuple(conditions))


def _host_pattern(text: str) -> str:
    """
    Return a pattern for hosts. An address is a network of one, since it can be written in ways.

    Raises:
        ValueError: no peer has such a host. It must not go unnoticed in a rule that denies.
    """
    if "*" in text:
        return text
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is no host; write an IP address, a network as 10.1.0.0/16, or a pattern "
            "with *"
        ) from None
    return str(_unmapped(network) if isinstance(network, IPv6Network) else network)


def _unmapped(network: IPv6Network) -> IPv4Network | IPv6Network:
    """
    Return the IPv4 network that one of IPv6 stands for, as the addresses of peers are read.
    """
    mapped, bits = network.network_address.ipv4_mapped, network.prefixlen - 96
    return network if mapped is None or bits < 0 else IPv4Network((mapped, bits))


def _identity_pattern(text: str) -> str:
    """
    Return a pattern for the names of an identity, each of which has its kind.

    Raises:
        ValueError: it has none, so it fits nobody, or the empty name of nobody; or nobody has
            such a name. That must not go unnoticed in a rule that denies.
    """
    kind, colon, name = text.partition(":")
    if not colon:
        raise ValueError(
            f"{text!r} is no identity; write its kind before it, as hmac:shop, dns:*.example.org "
            "or spiffe://example.org/*; for any identity write *:*"
        )
    if kind == "dns":
        return text.lower()  # as those of certificates are
    if kind != kind.lower() and kind.lower() in _KINDS:
        raise ValueError(f"{text!r} is no identity; write {kind.lower()} in lower case")
    domain = name.removeprefix("//").partition("/")[0]
    if kind == "spiffe" and (domain != domain.lower() or not name.startswith(("//", "*"))):
        raise ValueError(
            f"{text!r} is no identity; a SPIFFE ID begins as spiffe://example.org/, in lower case"
        )
    return text
