"""
Who may call what: the rules of the router and of the server's filter.

A caller is known by the name of its application and by its host. Either may be allowed or
denied; what is not among those that are allowed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network

from rpcfw.spi.options import option, options
from rpcfw.values.call import Call
from rpcfw_routers.patterns import pattern

__all__ = ["AccessOptions", "AccessRules"]


@options
class AccessOptions:
    """
    What the INI may say, of either.
    """

    methods: tuple[str, ...] = option(
        "*", "methods that the rules are for, as delete* or demo.Shop/delete*"
    )
    allow: tuple[str, ...] = option("", "applications that may call, as shop-*; empty: any")
    deny: tuple[str, ...] = option("", "applications that may not call")
    allow_hosts: tuple[str, ...] = option("", "hosts that may call, as 10.1.0.0/16; empty: any")
    deny_hosts: tuple[str, ...] = option("", "hosts that may not call")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find rules that refuse nobody.
        """
        if not (self.allow or self.deny or self.allow_hosts or self.deny_hosts):
            yield "allow", "set at least one of allow, deny, allow_hosts and deny_hosts"
        for name in ("allow_hosts", "deny_hosts"):
            for text in getattr(self, name):
                try:
                    _host_pattern(text)
                except ValueError as error:
                    yield name, str(error)


class AccessRules:
    """
    The rules of one set of options.
    """

    def __init__(self, options: AccessOptions) -> None:
        self._methods = _fit_any(options.methods)
        self._callers = _Lists(options.allow, options.deny)
        hosts = options.allow_hosts, options.deny_hosts
        self._hosts = _Lists(*(tuple(map(_host_pattern, texts)) for texts in hosts))

    def are_for(self, call: Call) -> bool:
        """
        Tell whether there are rules for the method of a call.
        """
        return self._methods(call.method.name) or self._methods(call.method.path)

    def refusal(self, caller: str, host: str) -> str:
        """
        Return why a caller is refused; empty if it is not.
        """
        if self._callers.refuse(caller):
            return f"the application {caller!r}" if caller else "an application without a name"
        if self._hosts.refuse(host):
            return f"the host {host!r}" if host else "a caller without a host"
        return ""


class _Lists:
    """
    What is allowed, and what is denied.
    """

    def __init__(self, allowed: tuple[str, ...], denied: tuple[str, ...]) -> None:
        self._allow = _fit_any(allowed) if allowed else _anything
        self._deny = _fit_any(denied)

    def refuse(self, value: str) -> bool:
        return self._deny(value) or not self._allow(value)


def _host_pattern(text: str) -> str:
    """
    Return a pattern for hosts. An address is a network of one, since it can be written in ways.

    Raises:
        ValueError: no peer has such a host. It must not go unnoticed in a list of the denied.
    """
    if "*" in text:
        return text
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            f"{text!r} is no host; write an IP address, a network as 10.1.0.0/16, or a pattern "
            "with *"
        ) from None


def _anything(value: str) -> bool:
    return True


def _fit_any(texts: tuple[str, ...]) -> Callable[[str], bool]:
    patterns = [pattern(each) for each in texts]
    return lambda value: any(fits(value) for fits in patterns)
