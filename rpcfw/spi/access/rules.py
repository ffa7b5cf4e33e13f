"""
Rules that say who may do what, as they are written.

One rule a line: ``allow`` or ``deny``, and conditions, all of which must hold::

    deny  host=10.9.0.0/16
    allow method=demo.Shop/get* & identity=spiffe://example.org/shop/*
    allow identity=hmac:admin

Whoever uses the rules says on which fields conditions can be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType

from attrs import frozen

from rpcfw.values.patterns import Condition, is_one_of, pattern, read_conditions

__all__ = ["AccessRule", "read_access_rules"]

_MAX_RULES = 1_000
_COMMENT = re.compile(r"\s#")
#: Of the names that this framework finds; authenticators of users have others.
_KINDS = frozenset(("spiffe", "uri", "dns", "hmac", "jwt"))


@frozen(eq=False)
class AccessRule:
    """
    One rule.

    Args:
        text: as it is written.
        allows: it allows; otherwise it denies.
        conditions: all must hold.
    """

    text: str
    allows: bool
    conditions: tuple[Condition, ...]


def read_access_rules(
    text: str, fields: Sequence[str], known: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[AccessRule]:
    """
    Read rules; empty lines and comments are skipped.

    Args:
        fields: that conditions can be on; ``metadata.NAME`` stands for all with such a name.
        known: by field, all values that it can have. A pattern that fits none is a mistake.

    Raises:
        ValueError: with the line and the reason.
    """
    rules = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        try:
            rules.append(_rule(line, fields, known))
        except ValueError as error:
            raise ValueError(f"line {number} of the rules, {line[:100]!r}: {error}") from None
    if len(rules) > _MAX_RULES:
        raise ValueError(f"there are {len(rules)} rules, more than {_MAX_RULES}")
    return rules


def _rule(line: str, fields: Sequence[str], known: Mapping[str, Sequence[str]]) -> AccessRule:
    word, _, rest = line.partition(" ")
    if word not in ("allow", "deny"):
        raise ValueError(f"expected allow or deny before the conditions, got {word[:100]!r}")
    if _COMMENT.search(rest):
        # It would belong to the last pattern, which would fit nothing.
        raise ValueError("a comment needs a line of its own")
    checks = {"host": _host_pattern, "identity": _identity_pattern}
    checks |= {field: partial(_known_pattern, field, values) for field, values in known.items()}
    conditions = read_conditions(rest, {}, checks)
    for each in conditions:
        kind, dot, name = each.field.partition(".")
        if not (dot and name and f"{kind}.NAME" in fields):
            is_one_of("field of a call", each.field, fields)
    return AccessRule(" ".join(line.split()), word == "allow", tuple(conditions))


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


def _known_pattern(field: str, known: Sequence[str], text: str) -> str:
    """
    Return a pattern that fits a value that there is.

    Raises:
        ValueError: it fits none. It must not go unnoticed in a rule that denies.
    """
    if not any(map(pattern(text), known)):
        is_one_of(field, text, known)
    return text


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
