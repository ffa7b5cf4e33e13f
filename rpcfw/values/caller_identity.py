"""
Who the caller of a call has proved to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

__all__ = ["ANONYMOUS", "CallerIdentity"]


@frozen(eq=False)
class CallerIdentity:
    """
    The names that a caller has proved, by its certificate or by what it sent with a call.

    Args:
        names: each begins with its kind, so that a name of one kind is never taken for one of
            another: ``spiffe://example.org/shop``, ``dns:shop.example.org``,
            ``uri:https://example.org/shop``, ``hmac:shop``, ``jwt:shop``.
        claims: what a token says beside its subject, if there was one.
    """

    names: tuple[str, ...] = ()
    #: They may be private. Representations reach logs.
    claims: Mapping[str, Any] = field(default=MappingProxyType({}), repr=False)

    @property
    def spiffe_id(self) -> str:
        """
        The SPIFFE ID of the caller's certificate; empty if it has none.
        """
        return next((name for name in self.names if name.startswith("spiffe://")), "")

    def plus(self, other: CallerIdentity) -> CallerIdentity:
        """
        Return the identity of a caller that has proved this and the other.
        """
        if not self.names:
            return other
        return CallerIdentity(self.names + other.names, {**self.claims, **other.claims})

    def __str__(self) -> str:
        return ", ".join(self.names) or "an anonymous caller"


#: That of a caller that has proved nothing.
ANONYMOUS = CallerIdentity()
