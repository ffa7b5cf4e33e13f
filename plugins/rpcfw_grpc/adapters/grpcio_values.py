"""
Status codes, metadata and errors as grpcio has them.

Nothing here imports grpcio before one of its names is needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rpcfw.errors import CallError, ContractError
from rpcfw.status import Status
from rpcfw.values.metadata import Metadata, Pairs

__all__ = [
    "COMPRESSIONS",
    "DETAILS",
    "NO_SERVER",
    "Pair",
    "aio_error",
    "aio_metadata",
    "code_of",
    "compression_of",
    "details_of",
    "grpc_code",
    "grpc_pairs",
    "pairs_of",
    "trailers_of",
]

#: Where grpcio keeps the details of a status: among the trailers.
DETAILS = "grpc-status-details-bin"
#: Names of the members of `grpc.Compression`.
COMPRESSIONS = {0: "none", 1: "deflate", 2: "gzip"}
#: The error for a program that makes a server of grpcio's here.
NO_SERVER = (
    "there is no server() here: write Servicers(interceptors=...) from rpcfw_grpc.adapters in its "
    "place, and serve that by an INI file; docs/from-grpcio.md has a setting for each argument "
    "of grpc.server"
)


class Pair(NamedTuple):
    """
    One of the metadata, as grpcio shows it.
    """

    key: str
    value: str | bytes


def grpc_code(status: Status) -> Any:
    """
    Return grpcio's member for a status.
    """
    import grpc

    return grpc.StatusCode[status.name]


def code_of(error: BaseException | None) -> Any:
    """
    Return the code of a call that ended like this.
    """
    if error is None:
        return grpc_code(Status.OK)
    return grpc_code(error.status if isinstance(error, CallError) else Status.UNKNOWN)


def details_of(error: BaseException | None) -> str:
    """
    Return the sentence of a call that ended like this.
    """
    if error is None:
        return ""
    return error.message if isinstance(error, CallError) else f"{type(error).__name__}: {error}"


def trailers_of(error: BaseException | None, trailers: Metadata) -> Metadata:
    """
    Return all that came after the messages of a call that ended like this.

    Args:
        trailers: those that the call itself has.
    """
    if not isinstance(error, CallError):
        return trailers
    pairs = error.trailers or trailers.pairs
    return Metadata((*pairs, (DETAILS, error.details)) if error.details else pairs)


def pairs_of(metadata: Any) -> list[tuple[str, str | bytes]] | None:
    """
    Return metadata of grpcio's, in whichever of its forms, as pairs.

    As there, bytes may stand for a name, and for the value of a name of text.
    """
    if metadata is None:
        return None
    return [_pair(pair[0], pair[1]) for pair in metadata]


def _pair(name: Any, value: Any) -> tuple[str, str | bytes]:
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if isinstance(value, bytes) and isinstance(name, str) and not name.lower().endswith("-bin"):
        # What is not printable ASCII is refused as such where it is sent.
        value = value.decode("latin-1")
    return name, value


def compression_of(value: Any) -> str:
    """
    Return our name of a member of `grpc.Compression`, or of its number.

    Raises:
        ContractError: it is none.
    """
    name = COMPRESSIONS.get(value) if isinstance(value, int) else None
    if name is None:
        raise ContractError(f"compression is a grpc.Compression, not {value!r}")
    return name


def grpc_pairs(metadata: Metadata | Pairs) -> tuple[Pair, ...]:
    """
    Return metadata as grpcio's threads have it.
    """
    return tuple(Pair(*pair) for pair in metadata)


def aio_metadata(metadata: Metadata) -> Any:
    """
    Return metadata as grpcio's asyncio API has it.
    """
    from grpc.aio import Metadata as GrpcMetadata

    return GrpcMetadata(*metadata.pairs)


def aio_error(error: CallError, began: Metadata, trailers: Metadata) -> Exception:
    """
    Return the exception that callers of grpcio's asyncio API catch.

    Args:
        began: what came before the messages.
        trailers: what came after them.
    """
    from grpc.aio import AioRpcError

    made: Exception = AioRpcError(
        grpc_code(error.status),
        aio_metadata(began),
        aio_metadata(trailers_of(error, trailers)),
        error.message,
        str(error),
    )
    return made
