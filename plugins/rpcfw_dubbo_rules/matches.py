"""
What rules of version 3.0 compare: a text, an address, or one of several texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network

from rpcfw.values.address import Address
from rpcfw_dubbo_rules.fields import Fields

__all__ = [
    "ANY_HOST",
    "Fits",
    "address_fits",
    "check_address",
    "is_at",
    "one_of",
    "parameters_fit",
    "text_fits",
    "wildcard",
]

Fits = Callable[[str], bool]

#: Dubbo's address of every host.
ANY_HOST = "0.0.0.0"  # noqa: S104 - of rules, not of sockets


#: A range in one part of an IPv4 address, and such a part.
_RANGE = re.compile(r"([0-9]{1,3})-([0-9]{1,3})\Z")
_PART = re.compile(r"[0-9]{1,3}\Z")


def wildcard(pattern: str) -> Fits:
    """
    Return what tells whether a value fits a text, in which the last ``*`` stands for any.
    """
    if pattern == "*":
        return lambda value: True
    before, star, after = pattern.rpartition("*")
    if not star:
        return pattern.__eq__
    return lambda value: bool(value) and value.startswith(before) and value.endswith(after)


def text_fits(fields: Fields) -> Fits:
    """
    Return what tells whether a value fits one of the ways to compare a text.

    Raises:
        ValueError: a way is unknown. A ``regex`` is not taken: it may need exponential time.
    """
    known: dict[str, Callable[[str], Fits]] = {
        "exact": lambda text: text.__eq__,
        "prefix": lambda text: lambda value: value.startswith(text),
        "wildcard": wildcard,
        "empty": lambda text: lambda value: not value,
        "noempty": lambda text: bool,
    }
    return _known(fields, known)


def address_fits(fields: Fields) -> Fits:
    """
    Return what tells whether an address fits, ``HOST`` or ``HOST:PORT``.

    Raises:
        ValueError: a way to compare it is unknown.
    """
    # The first is misspelt in Dubbo.
    known = {"cird": _network, "wildcard": wildcard, "exact": lambda text: text.__eq__}
    return _known(fields, known)


def _known(fields: Fields, known: dict[str, Callable[[str], Fits]]) -> Fits:
    found = []
    for name in fields.names:
        if name not in known:
            raise ValueError(f"{fields.where}{name[:100]}: expected one of {', '.join(known)}")
        found.append(known[name](fields.text(name)))
    if not found:
        raise ValueError(f"{fields.where}expected one of {', '.join(known)}")
    return lambda value: any(fits(value) for fits in found)


def one_of(fields: Fields) -> Fits:
    """
    Return what tells whether a value fits one of those under ``oneof``.

    Raises:
        ValueError: there are none.
    """
    found = [text_fits(each) for each in fields.each("oneof")]
    if not found:
        raise ValueError(f"{fields.where}oneof: expected a list of texts to compare with")
    return lambda value: any(fits(value) for fits in found)


def parameters_fit(fields: list[Fields]) -> Callable[[Callable[[str], str | None]], bool]:
    """
    Return what tells whether parameters fit a list of ``key`` and ``value``.

    Raises:
        ValueError: one of them cannot be read.
    """
    wanted: list[tuple[str, Fits]] = []
    for each in fields:
        value = each.inner("value")
        if value is None or "key" not in each:
            raise ValueError(f"{each.where}expected a key and a value")
        wanted.append((each.text("key"), text_fits(value)))

    def fit(parameter: Callable[[str], str | None]) -> bool:
        for name, fits in wanted:
            value = parameter(name)
            if value is None or not fits(value):
                return False
        return True

    return fit


def check_address(pattern: str, where: str) -> None:
    """
    Raise unless `is_at` can compare addresses with a pattern.

    Raises:
        ValueError: it is a network that is none.
    """
    if "/" in pattern:
        try:
            ip_network(pattern, strict=False)
        except ValueError:
            raise ValueError(f"{where}{pattern[:100]!r} is no network, as 10.0.0.0/8") from None


def is_at(address: Address, pattern: str) -> bool:
    """
    Tell whether an address is meant: ``HOST``, ``HOST:PORT``, a network, or with wildcards.

    Args:
        pattern: one that `check_address` has let through.
    """
    if "/" in pattern:
        return _network(pattern)(address.host)
    if pattern in (address.authority, address.host):
        return True
    host, colon, port = pattern.rpartition(":")
    if not colon or "]" in port or (host.count(":") and not host.startswith("[")):
        host, port = pattern, "*"
    fits_host = host in (ANY_HOST, "*") or _parts_fit(host, address.host)
    return fits_host and port in ("*", "0", str(address.port))


def _parts_fit(pattern: str, host: str) -> bool:
    """
    Tell whether each part of an IPv4 address fits: a number, ``*``, or a range as ``1-63``.
    """
    wanted, given = pattern.split("."), host.split(".")
    return len(wanted) == len(given) == 4 and all(map(_part_fits, wanted, given))


def _part_fits(pattern: str, part: str) -> bool:
    ends = _RANGE.match(pattern)
    if ends and _PART.match(part):
        return int(ends[1]) <= int(part) <= int(ends[2])
    return pattern in ("*", part)


def _network(text: str) -> Fits:
    network = ip_network(text, strict=False)

    def fits(value: str) -> bool:
        host = value.rpartition(":")[0] if value.count(":") == 1 else value
        try:
            # Java, and the C library, take a host of digits for an IPv4 address.
            number = IPv4Address(int(host)) if host.isdecimal() else ip_address(host.strip("[]"))
        except ValueError:
            return False
        return number in network

    return fits
