"""
What Triple's header fields mean to a server, on top of gRPC's.

``tri-service-version`` and ``tri-service-group`` say which service is called. A client of gRPC
does not send them, and is served: as in Dubbo, the one version that is there is the default.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.errors import Unimplemented
from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Limits
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw_dubbo.request_heads import check_version
from rpcfw_grpc.callers import read_caller
from rpcfw_grpc.http2.header_list import HeaderList
from rpcfw_grpc.request_headers import Refusal, RequestHeaders, RequestParser
from rpcfw_triple.fields import PREFIX, without_fields
from rpcfw_triple.wrapped_requests import WrappedRequests

__all__ = ["TripleParser"]

_PROTOBUF = "protobuf"


class TripleParser:
    """
    Makes `RequestHeaders` of header lists, once for each distinct header block.

    Args:
        limits: for the largest header list.
        accepts: compressions that this side can decompress.
        requests: know which methods have wrapped requests.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...], requests: WrappedRequests) -> None:
        self._parser = RequestParser(limits, accepts)
        self._requests = requests
        self._served = Served({})

    def serve(self, served: Served) -> None:
        """
        Get to know the methods, and their group and version.
        """
        self._served = served
        self._requests.serve(served)

    def __call__(self, headers: HeaderList) -> RequestHeaders:
        """
        Return what a request's fields say.
        """
        parsed = self._parser(headers)
        if parsed.refusal is not None or parsed.is_trailers:
            return parsed
        head, fields = _without_triples(parsed.head)
        refusal = self._refusal(head.path, fields)
        if refusal is not None:
            return evolve(parsed, refusal=refusal, plain=False)
        if head.codec == _PROTOBUF and self._requests.are_at(head.path):
            head = self._requests.head_of(head)
        return evolve(parsed, head=head)

    def _refusal(self, path: str, fields: dict[str, str | bytes]) -> Refusal | None:
        service = path.rpartition("/")[0]
        version, group = (fields.get(f"{PREFIX}service-{name}") for name in ("version", "group"))
        served = self._served
        if isinstance(version, str):
            try:
                check_version(service, served, version)
            except Unimplemented as error:
                return _not_served(error.message)
        if group is not None and group != served.group:
            text = (
                f"{service} is served here in the group {served.group!r}, and was called in "
                f"{group!r}; [server] group and the consumer's must be equal"
            )
            return _not_served(text)
        return None


def _not_served(text: str) -> Refusal:
    # Another instance may serve it.
    return Refusal(0, Status.UNIMPLEMENTED, text, Hint.NOT_BEGUN)


def _without_triples(head: RequestHead) -> tuple[RequestHead, dict[str, str | bytes]]:
    """
    Return the head without the fields that are Triple's own, and these.
    """
    pairs = head.metadata.pairs
    fields = {name: value for name, value in pairs if name.startswith(PREFIX)}
    if not fields:
        return head, fields
    name = fields.get("tri-consumer-appname", "")
    caller = head.caller or (read_caller(name.encode()) if isinstance(name, str) else "")
    return evolve(head, metadata=without_fields(head.metadata), caller=caller), fields
