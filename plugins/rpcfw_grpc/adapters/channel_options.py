"""
Options of grpcio's channels, as settings of an application.

What has no equivalent is not used, and named in one line of the log at the level
debug: to grpcio, too, an option that it does not know is nothing to complain of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import ContractError
from rpcfw_grpc.adapters.words import COMPRESSIONS

__all__ = ["ChannelOptions"]

_log = Logger()

#: gRPC's word for "never" and for "any size".
_MOST = 2**31 - 1
_POLICIES = ("pick_first", "round_robin")


def _size(value: int) -> str:
    return f"{_MOST if value < 0 else value}B"


def _time(value: int) -> str:
    return f"{value}ms"


def _sometimes(value: int) -> str:
    return "0s" if value >= _MOST else f"{value}ms"


def _unless_never(value: int) -> str:
    return "" if value >= _MOST else f"{value}ms"


_NUMBERS: dict[str, tuple[str, Callable[[int], str]]] = {
    "grpc.max_receive_message_length": ("limits.max_receive_bytes", _size),
    "grpc.max_send_message_length": ("limits.max_send_bytes", _size),
    "grpc.max_metadata_size": ("limits.max_header_bytes", _size),
    "grpc.keepalive_time_ms": ("connection.keepalive", _sometimes),
    "grpc.keepalive_timeout_ms": ("connection.keepalive_timeout", _time),
    "grpc.client_idle_timeout_ms": ("connection.idle", _unless_never),
    "grpc.initial_reconnect_backoff_ms": ("connection.backoff", _time),
    "grpc.max_reconnect_backoff_ms": ("connection.backoff_most", _time),
}
_TEXTS = {
    "grpc.ssl_target_name_override": "tls.server_name",
    "grpc.primary_user_agent": "app.name",
}


class ChannelOptions:
    """
    What the options of one channel ask for.

    Args:
        options: pairs, as grpcio takes them; of two for one name the later counts.
        compression: a `grpc.Compression`.

    Attributes:
        sets: settings, as for ``--set``.
        service_config: JSON; empty for none.
        policy: ``pick_first`` or ``round_robin``.

    Raises:
        ContractError: an option's value is not what it should be.
    """

    def __init__(
        self, options: Iterable[tuple[str, Any]] | None = None, compression: Any = None
    ) -> None:
        self.sets: list[str] = []
        self.service_config = ""
        self.policy = _POLICIES[0]
        self._retries = True
        self._unused: list[str] = []
        given = _pairs(options)
        for name in ("grpc.enable_retries", *given):
            if name in given:
                self._take(name, given[name])
        if compression is not None:
            self._compress(compression)
        if self._unused:
            _log.debug("channel options not used: {names}", names=", ".join(self._unused))

    def _take(self, name: str, value: Any) -> None:
        if name in _NUMBERS:
            place, written = _NUMBERS[name]
            self.sets.append(f"{place}={written(_number(name, value))}")
        elif name in _TEXTS:
            self.sets.append(f"{_TEXTS[name]}={_text(name, value)}")
        elif name == "grpc.enable_retries":
            self._retries = bool(_number(name, value))
            if not self._retries:
                self.sets.append("retry.plugin=never")
        elif name == "grpc.service_config":
            self._configure(_text(name, value))
        elif name == "grpc.default_compression_algorithm":
            self._compress(_number(name, value))
        elif name == "grpc.lb_policy_name" and value in _POLICIES:
            self.policy = value
        else:
            self._unused.append(name)

    def _configure(self, text: str) -> None:
        """
        Take a service config; of its mistakes the application tells, which reads it whole.
        """
        self.service_config = text
        try:
            config = json.loads(text)
            wanted = [next(iter(each)) for each in config.pop("loadBalancingConfig", ())]
            if not self._retries:
                for each in config.get("methodConfig", ()):
                    each.pop("retryPolicy", None)
                    each.pop("hedgingPolicy", None)
        except (ValueError, TypeError, AttributeError, StopIteration):
            return
        self.service_config = json.dumps(config)
        # gRPC takes the first that it knows.
        known = [each for each in wanted if each in _POLICIES]
        if known:
            self.policy = known[0]
        elif wanted:
            self._unused.append(f"loadBalancingConfig {wanted[0]}")

    def _compress(self, value: Any) -> None:
        name = COMPRESSIONS.get(value)
        if name is None:
            raise ContractError(f"compression is a grpc.Compression, not {value!r}")
        # As grpcio has it: all requests, from the first call on.
        self.sets.append(f"client.compression={name}")
        if name == "deflate":
            self.sets.append("app.compressors=deflate, gzip")


def _pairs(options: Iterable[tuple[str, Any]] | None) -> dict[str, Any]:
    try:
        given = dict(options or ())
    except (TypeError, ValueError):
        raise ContractError(f"options are pairs of name and value, not {options!r}") from None
    if not all(isinstance(name, str) for name in given):
        raise ContractError(f"an option's name is text, as 'grpc.keepalive_time_ms': {options!r}")
    return given


def _number(name: str, value: Any) -> int:
    if not isinstance(value, int):
        raise ContractError(f"the option {name} is a whole number, not {value!r}")
    return int(value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise ContractError(f"the option {name} is text, not {value!r}")
    return value
