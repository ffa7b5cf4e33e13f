"""
What a running process would do with a call now, for ``rpcfw explain --of``.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from attrs import evolve

from rpcfw.errors import ApplicationError, CallError
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import Clients, Inspection
from rpcfw.spi.service import Service, method
from rpcfw.status import Status
from rpcfw.values.explanation import Explanation
from rpcfw.values.metadata import Metadata
from rpcfw.values.method import Method, Shape

__all__ = ["Explain", "ExplainService"]

#: So many instances are in one answer, the candidates first.
_MAX_INSTANCES = 1_000
#: So many services are named in an error.
_MAX_NAMED = 20

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Pairs = Annotated[list[tuple[Name, str]], msgspec.Meta(max_length=100)]


class Explain(BuiltinService):
    """
    Tells who may look at this process where its calls would go. Makes no call.
    """

    def services(self, inspection: Inspection) -> Sequence[Service]:
        return [ExplainService(inspection.clients)]


class ExplainService(Service, name="rpcfw.inspection.v1.Explain"):
    """
    Answers for the clients of one process.

    Args:
        clients: what it calls.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @method(idempotent=True)
    async def explain(
        self,
        service: Name,
        name: Name,
        request: Any,
        pairs: Pairs,
        idempotent: bool,
    ) -> Explanation:
        """
        Explain a call of one of the services that the process calls.

        Args:
            service: full name of the service.
            name: of its method.
            request: the message, as JSON.
            pairs: the metadata; values of names that end in ``-bin`` are in base64.
            idempotent: whether the method is marked so.
        """
        called = Method(service, name, Shape.UNARY, Any, Any, "json", idempotent=idempotent)
        metadata = _metadata(pairs)
        try:
            found = self._clients.explain(called, request, metadata)
        except CallError as error:
            raise ApplicationError(Status.INVALID_ARGUMENT, error.message) from None
        if found is None:
            raise ApplicationError(Status.NOT_FOUND, self._not_called(service))
        omitted = len(found.instances) - _MAX_INSTANCES
        if omitted <= 0:
            return found
        return evolve(found, instances=found.instances[:_MAX_INSTANCES], instances_omitted=omitted)

    def _not_called(self, service: str) -> str:
        names = sorted(each.name for each in self._clients.services())
        near = get_close_matches(service, names, 1)
        maybe = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(names[:_MAX_NAMED]) or "none"
        return f"this process does not call {service!r}; {maybe}it calls: {known}"


def _metadata(pairs: Sequence[tuple[str, str]]) -> Metadata:
    try:
        return Metadata.of(
            [
                (name, b64decode(value, validate=True) if name.lower().endswith("-bin") else value)
                for name, value in pairs
            ]
        )
    except ValueError as error:
        raise ApplicationError(Status.INVALID_ARGUMENT, f"metadata: {error}") from None
