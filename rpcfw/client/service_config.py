"""
Reads gRPC's service config from its JSON, and says of each mistake where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from rpcfw.errors import SettingsError
from rpcfw.kernel.nearest import suggestion
from rpcfw.status import Status
from rpcfw.values.backoff import Backoff
from rpcfw.values.service_config import (
    Hedging,
    MethodConfig,
    Retrying,
    ServiceConfig,
    Throttling,
)

__all__ = ["read_service_config"]

_DURATION = re.compile(r"\d{1,12}(\.\d{1,9})?s\Z")
#: What gRPC takes for more attempts than this.
_MAX_ATTEMPTS = 5
_MAX_TOKENS = 1000
#: gRPC's jitter of retries.
_JITTER = 0.2

_TOP = ("methodConfig", "retryThrottling")
_METHOD = ("name", "timeout", "waitForReady", "retryPolicy", "hedgingPolicy")
_RETRY = (
    "maxAttempts",
    "initialBackoff",
    "maxBackoff",
    "backoffMultiplier",
    "retryableStatusCodes",
)
_HEDGE = ("maxAttempts", "hedgingDelay", "nonFatalStatusCodes")
#: Known to gRPC; here their work is done by [balancer], [client] and [limits].
_ELSEWHERE = (
    "loadBalancingConfig",
    "loadBalancingPolicy",
    "healthCheckConfig",
    "maxRequestMessageBytes",
    "maxResponseMessageBytes",
)


def read_service_config(data: bytes) -> ServiceConfig:
    """
    Return the service config that ``data`` is the JSON of.

    Raises:
        SettingsError: every mistake there is, each with its path in the JSON.
    """
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise SettingsError(f"no JSON: {error}") from error
    reader = _Reader()
    config = reader.file(found)
    if reader.mistakes:
        raise SettingsError(*reader.mistakes)
    return config


class _Reader:
    """
    Walks through the JSON and gathers mistakes. Where one is, what it returns is not used.
    """

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self._unused: list[str] = []
        self._by_name: dict[tuple[str, str], MethodConfig] = {}

    def file(self, found: Any) -> ServiceConfig:
        top = self._object("", found, _TOP)
        for number, each in enumerate(self._list("methodConfig", top.get("methodConfig", []))):
            self._method(f"methodConfig[{number}]", each)
        throttling = None
        if "retryThrottling" in top:
            throttling = self._throttling("retryThrottling", top["retryThrottling"])
        return ServiceConfig(self._by_name, throttling, tuple(self._unused))

    # The parts of a file.

    def _method(self, path: str, found: Any) -> None:
        entry = self._object(path, found, _METHOD)
        timeout_s = retrying = hedging = None
        if "timeout" in entry:
            timeout_s = self._duration(f"{path}.timeout", entry["timeout"])
        if "retryPolicy" in entry:
            retrying = self._retrying(f"{path}.retryPolicy", entry["retryPolicy"])
        if "hedgingPolicy" in entry:
            hedging = self._hedging(f"{path}.hedgingPolicy", entry["hedgingPolicy"])
        if retrying is not None and hedging is not None:
            self.mistakes.append(f"{path}: retryPolicy and hedgingPolicy exclude each other")
        wait = entry.get("waitForReady", False)
        if not isinstance(wait, bool):
            self._blame(f"{path}.waitForReady", "true or false", wait)
        config = MethodConfig(timeout_s, wait, retrying, hedging)
        for number, name in enumerate(self._list(f"{path}.name", entry.get("name", []))):
            self._name(f"{path}.name[{number}]", name, config)

    def _name(self, path: str, found: Any, config: MethodConfig) -> None:
        name = self._object(path, found, ("service", "method"))
        service, method = name.get("service", ""), name.get("method", "")
        if not isinstance(service, str) or not isinstance(method, str):
            self._blame(path, "texts for service and method", found)
        elif method and not service:
            self._blame(path, "a service beside the method", found)
        elif (service, method) in self._by_name:
            self._blame(path, "a name that stands nowhere before", found)
        else:
            self._by_name[service, method] = config

    def _retrying(self, path: str, found: Any) -> Retrying:
        policy = self._object(path, found, _RETRY, needed=_RETRY)
        multiplier = policy.get("backoffMultiplier", 1)
        if not _is_number(multiplier) or multiplier <= 0:
            self._blame(f"{path}.backoffMultiplier", "a number over 0", multiplier)
            multiplier = 1
        statuses = self._statuses(path, "retryableStatusCodes", policy)
        if "retryableStatusCodes" in policy and not statuses:
            self._blame(f"{path}.retryableStatusCodes", "at least one status", "none")
        backoff = Backoff(
            initial_s=self._positive(path, "initialBackoff", policy),
            factor=float(multiplier),
            max_s=self._positive(path, "maxBackoff", policy),
            jitter=_JITTER,
        )
        return Retrying(self._attempts(path, policy), backoff, statuses)

    def _hedging(self, path: str, found: Any) -> Hedging:
        policy = self._object(path, found, _HEDGE, needed=("maxAttempts",))
        delay_s = self._duration(f"{path}.hedgingDelay", policy.get("hedgingDelay", "0s"))
        statuses = self._statuses(path, "nonFatalStatusCodes", policy)
        return Hedging(self._attempts(path, policy), delay_s, statuses)

    def _throttling(self, path: str, found: Any) -> Throttling:
        entry = self._object(path, found, ("maxTokens", "tokenRatio"), ("maxTokens", "tokenRatio"))
        tokens, ratio = entry.get("maxTokens", 1), entry.get("tokenRatio", 1)
        if not _is_number(tokens) or not 0 < tokens <= _MAX_TOKENS:
            self._blame(f"{path}.maxTokens", f"a number over 0 and up to {_MAX_TOKENS}", tokens)
            tokens = 1
        if not _is_number(ratio) or ratio <= 0:
            self._blame(f"{path}.tokenRatio", "a number over 0", ratio)
            ratio = 1
        # Three decimals count, so that all languages throttle in the same way.
        return Throttling(float(tokens), int(ratio * 1000) / 1000)

    # Their values.

    def _object(
        self, path: str, found: Any, known: tuple[str, ...], needed: tuple[str, ...] = ()
    ) -> Mapping[str, Any]:
        if not isinstance(found, dict):
            self._blame(path or "the file", "an object in braces", found)
            return {}
        for key in found:
            place = f"{path}.{key}".lstrip(".")
            if key in known:
                continue
            if key in _ELSEWHERE:
                self._unused.append(place)
            else:
                self.mistakes.append(f"{place}: not known here; {suggestion(key, known)}")
        for key in needed:
            if key not in found:
                self.mistakes.append(f"{path}.{key}: must be given")
        return found

    def _list(self, path: str, found: Any) -> list[Any]:
        if isinstance(found, list):
            return found
        self._blame(path, "a list in brackets", found)
        return []

    def _attempts(self, path: str, policy: Mapping[str, Any]) -> int:
        found = policy.get("maxAttempts", 2)
        if not isinstance(found, int) or isinstance(found, bool) or found < 2:
            self._blame(f"{path}.maxAttempts", "a whole number of 2 or more", found)
            return 2
        return min(found, _MAX_ATTEMPTS)

    def _positive(self, path: str, key: str, policy: Mapping[str, Any]) -> float:
        found = policy.get(key, "1s")
        seconds = self._duration(f"{path}.{key}", found)
        if seconds <= 0 and _is_duration(found):
            self._blame(f"{path}.{key}", "a duration over 0", found)
        return seconds

    def _duration(self, path: str, found: Any) -> float:
        if not _is_duration(found):
            self._blame(path, 'seconds as text, as "1.5s"', found)
            return 0.0
        return float(found[:-1])

    def _statuses(self, path: str, key: str, policy: Mapping[str, Any]) -> frozenset[Status]:
        path = f"{path}.{key}"
        statuses = set()
        for number, each in enumerate(self._list(path, policy.get(key, []))):
            status = _status(each)
            if status is None:
                self._blame(f"{path}[{number}]", 'a status of gRPC, as "UNAVAILABLE"', each)
            else:
                statuses.add(status)
        return frozenset(statuses)

    def _blame(self, path: str, expected: str, found: Any) -> None:
        came = found if isinstance(found, str) else msgspec.json.encode(found).decode()
        self.mistakes.append(f"{path}: expected {expected}, got {came[:60]}")


def _is_number(found: Any) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool)


def _is_duration(found: Any) -> bool:
    return isinstance(found, str) and bool(_DURATION.match(found))


def _status(found: Any) -> Status | None:
    if isinstance(found, str):
        return Status.__members__.get(found.upper())
    if isinstance(found, int) and not isinstance(found, bool) and found in set(Status):
        return Status(found)
    return None
