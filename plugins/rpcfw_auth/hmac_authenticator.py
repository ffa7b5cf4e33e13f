"""
The authenticator ``hmac``: verifies signed calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import ClassVar

from rpcfw.errors import Overloaded
from rpcfw.spi.authenticator import Authenticator, CredentialsRefused, body_of, path_of
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem
from rpcfw.values.call import Call
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.units import Seconds
from rpcfw_auth.keys import Key, parse_keys
from rpcfw_auth.replays import MAX_SKEW_S, Replays, Verdict
from rpcfw_auth.signature import HEADER, Signature, parse_signature

__all__ = ["HMACAuthenticator"]


@options
class HMACOptions:
    """
    What the INI may say.
    """

    secrets: Path = option(NO_DEFAULT, "file with the keys, one a line: ID OWNER SECRET")
    max_skew: Seconds = option(
        "30s", "how far the time stamp of a signature may be from the clock of this machine"
    )
    max_signatures: int = option(
        "200000",
        "maximum number of signatures that are remembered for each key, against replays; more "
        "calls in twice max_skew are refused",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing could be verified with. Reads the file.
        """
        if not 1 <= self.max_skew <= MAX_SKEW_S:
            yield "max_skew", f"must be 1s to {MAX_SKEW_S}s, not {self.max_skew:g}s"
        if self.max_signatures < 1:
            yield "max_signatures", f"must be at least 1, not {self.max_signatures}"
        problem = file_problem(self.secrets, parse_keys)
        if problem:
            yield "secrets", problem


class HMACAuthenticator(Authenticator):
    """
    Finds ``hmac:OWNER`` for calls that the owner's key has signed.
    """

    Options: ClassVar[type] = HMACOptions

    def __init__(self, options: HMACOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._file = FollowedFile(
            options.secrets, parse_keys, plugin_context.clock.seconds, plugin_context.time_of_day
        )
        self._keys: dict[str, Key] = {}
        self._identities: dict[str, CallerIdentity] = {}
        self._replays: dict[str, Replays] = {}
        #: When no signature by a key that is gone is good any more.
        self._forget_at_s = inf

    @property
    def remembered(self) -> int:
        """
        Of how many keys signatures are remembered.
        """
        return len(self._replays)

    async def start(self) -> None:
        self._file.read()

    def take_over(self, before: HMACAuthenticator) -> None:
        """
        Share what was seen: a change of options lets no replay pass.
        """
        self._replays = before._replays

    async def authenticate(self, call: Call) -> CallerIdentity | None:
        given = [value for name, value in call.metadata.pairs if name == HEADER]
        if not given:
            return None
        value = given[0]
        signature = parse_signature(value) if isinstance(value, str) else None
        if signature is None or len(given) > 1:
            raise CredentialsRefused(f"expected one well-formed {HEADER} in the metadata")
        key = self._key(signature.key)
        oldest_s = self._check_time(signature)
        if not signature.is_by(key, path_of(call), body_of(call) if call.method.unary else None):
            raise CredentialsRefused(f"the key {key.id} has not signed this call")
        self._check_replay(signature, key, oldest_s)
        return self._identities[key.id]

    def _key(self, id: str) -> Key:
        keys = self._file.current()
        if keys is not self._keys:
            self._keys = keys
            self._identities = {
                key.id: CallerIdentity((f"hmac:{key.owner}",)) for key in keys.values()
            }
            # A key may be back soon, as after a mistake in the file: no replay may pass then.
            self._forget_at_s = self.plugin_context.time_of_day() + 2 * MAX_SKEW_S
        key = keys.get(id)
        if key is None:
            raise CredentialsRefused(f"no key is called {id!r}")
        return key

    def _check_time(self, signature: Signature) -> int:
        """
        Return the first second in which signatures are good now.
        """
        now_s, skew_s = self.plugin_context.time_of_day(), self.options.max_skew
        if now_s >= self._forget_at_s:
            self._forget_gone()
        late_s = now_s - signature.time_ms / 1000
        if abs(late_s) > skew_s:
            side = "before" if late_s > 0 else "after"
            raise CredentialsRefused(
                f"it was signed by the key {signature.key} {abs(late_s):.1f} s {side} the time of "
                f"this machine; max_skew is {skew_s:g} s"
            )
        return int(now_s - skew_s)

    def _forget_gone(self) -> None:
        self._forget_at_s = inf
        for gone in self._replays.keys() - self._keys.keys():
            del self._replays[gone]

    def _check_replay(self, signature: Signature, key: Key, oldest_s: int) -> None:
        replays = self._replays.get(key.id)
        if replays is None:
            replays = self._replays[key.id] = Replays()
        max_codes = self.options.max_signatures
        second = signature.time_ms // 1000
        verdict = replays.note(signature.code[:16], second, oldest_s, max_codes)
        if verdict is Verdict.SEEN:
            raise CredentialsRefused(f"a call signed by the key {key.id} came a second time")
        if verdict is Verdict.FULL:
            self._log.warn_of(
                "full",
                "calls signed by the key {key} are refused: {count} are remembered against "
                "replays; raise max_signatures of [authenticator hmac]",
                key=key.id,
                count=max_codes,
            )
            raise Overloaded(
                "more signed calls than this server can remember against replays; try again later",
                retry_after_s=1.0,
            )
