"""
Options of grpcio's channels, as settings of an application.

An option of gRPC's that is neither done nor harmless is refused by its name. What is
harmless is not used, and named in one line of the log at the level debug; so is an
option that is not gRPC's: to grpcio, too, that is nothing to complain of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import ContractError
from rpcfw_grpc.adapters.grpcio_values import compression_of

__all__ = ["ChannelOptions"]

_log = Logger()

#: gRPC's value for "never" and for "any size".
_MAX = 2**31 - 1
_POLICIES = ("pick_first", "round_robin")


def _size(value: int) -> str:
    return f"{_MAX if value < 0 else value}B"


def _time(value: int) -> str:
    return f"{value}ms"


def _sometimes(value: int) -> str:
    return "0s" if value >= _MAX else f"{value}ms"


def _unless_never(value: int) -> str:
    return "" if value >= _MAX else f"{value}ms"


_NUMBERS: dict[str, tuple[str, Callable[[int], str]]] = {
    "grpc.max_receive_message_length": ("limits.max_receive_bytes", _size),
    "grpc.max_send_message_length": ("limits.max_send_bytes", _size),
    "grpc.max_metadata_size": ("limits.max_header_bytes", _size),
    "grpc.keepalive_time_ms": ("connection.keepalive", _sometimes),
    "grpc.keepalive_timeout_ms": ("connection.keepalive_timeout", _time),
    "grpc.client_idle_timeout_ms": ("connection.idle_timeout", _unless_never),
    "grpc.initial_reconnect_backoff_ms": ("connection.initial_backoff", _time),
    "grpc.max_reconnect_backoff_ms": ("connection.max_backoff", _time),
}
_TEXTS = {
    "grpc.ssl_target_name_override": "tls.server_name",
    "grpc.primary_user_agent": "app.name",
}
#: They tune gRPC's own machinery, or say what is so here in any case.
HARMLESS = frozenset(
    f"grpc.{name}"
    for name in (
        "arena_size_estimate",
        "channelz_max_trace_event_memory_per_node",
        "disable_client_authority_filter",
        "dns_enable_srv_queries",
        "dns_min_time_between_resolutions_ms",
        "enable_channelz",
        "enable_http_proxy",
        "happy_eyeballs_connection_attempt_delay_ms",
        "http2.bdp_probe",
        "http2.hpack_table_size.decoder",
        "http2.hpack_table_size.encoder",
        "http2.lookahead_bytes",
        "http2.max_frame_size",
        "http2.max_pings_without_data",
        "http2.min_time_between_pings_ms",
        "http2.true_binary",
        "http2.write_buffer_size",
        "inhibit_health_checking",
        "keepalive_permit_without_calls",
        "min_reconnect_backoff_ms",
        "minimal_stack",
        "optimization_target",
        "per_rpc_retry_buffer_size",
        "resource_quota",
        "secondary_user_agent",
        "service_config_disable_resolution",
        "so_reuseport",
        "tcp_read_chunk_size",
        "tcp_tx_zerocopy_enabled",
        "tcp_tx_zerocopy_max_simultaneous_sends",
        "tcp_tx_zerocopy_send_bytes_threshold",
        "tsi.max_frame_size",
        "use_local_subchannel_pool",
    )
)


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
        elif name in HARMLESS or not name.startswith("grpc."):
            self._unused.append(name)
        else:
            raise ContractError(
                f"the channel option {name} = {value!r} cannot be used here: take it out, "
                "or look in docs/from-grpcio.md for what does the same"
            )

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
        name = compression_of(value)
        # As grpcio has it: all requests, from the first call on.
        self.sets.append(f"client.compression={name}")


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
