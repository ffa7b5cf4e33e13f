"""
Split: a share of the calls goes to some instances, and calls with the same key stay together.

Theory of operation. The key of a call, such as a product id, is hashed to one of 10,000
slots, and each share has as many slots as its percentage says, in the order of the option::

    slot = first 8 bytes of BLAKE2b(salt, NUL, key), big-endian, modulo 10,000

So a key always meets the same share, in every process, whatever was called before. If a
share grows, the keys that it had stay in it, as long as it is the first one. The routes are
remembered by share and not by key, so a million keys cost no more than two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from fractions import Fraction
from hashlib import blake2b
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.call_key import CallKey
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.router import KeyedPart, Reasons, Router
from rpcfw.values.call import Call
from rpcfw.values.method import Method
from rpcfw.values.patterns import pattern
from rpcfw.values.units import parse_share
from rpcfw_routers.method_names import names_of
from rpcfw_routers.targets import Target, read_target

__all__ = ["SLOTS", "SplitRouter", "slots"]

#: So a share has two digits behind the point.
SLOTS = 10_000
#: So many methods are remembered; a gateway may call any that its own callers name.
_MAX_METHODS = 1_000
#: So much of a key is shown.
_MAX_SHOWN = 100
#: Keys that are tried to find one of each share; one of the smallest is found after 10,000.
_MAX_EXAMPLES = 20 * SLOTS


class SplitShare:
    """
    One share, as the INI has it: ``5% version=2.*``.

    Args:
        text: as in the INI.
        slots: how many of the slots it has.
        target: the instances that it is for.
    """

    written_as = "a share and its instances, as 5% version=2.*"

    def __init__(self, text: str, slots: int, target: Target) -> None:
        self.text = text
        self.slots = slots
        self.target = target

    @classmethod
    def parse(cls, text: str) -> SplitShare:
        """
        Read the text form.

        Raises:
            ValueError: it is none; the message says what was expected.
        """
        percent, _, conditions = text.partition(" ")
        if not conditions.strip():
            raise ValueError(f"{text!r} is no share of the calls; write {cls.written_as}")
        slots = Fraction(str(parse_share(percent))) * SLOTS
        if slots.denominator != 1:
            raise ValueError(f"{percent!r} is too fine; a share has two digits behind the point")
        return cls(text, int(slots), read_target(conditions))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SplitShare) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@options
class SplitOptions:
    """
    What the INI may say.
    """

    shares: tuple[SplitShare, ...] = option(
        NO_DEFAULT,
        "share of the calls for each group of instances, as 5% version=2.*; what is missing "
        "to 100% goes to the instances that none of them names",
    )
    key: CallKey = option("caller", "calls with the same value of this stay together")
    methods: tuple[str, ...] = option(
        "*", "methods that are split, as get* or demo.Shop/get*; others are not"
    )
    salt: str = option("", "text that is hashed with the key; another text chooses other keys")
    force: bool = option(
        "false", "fail a call if its share has no instance, instead of using all instances"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find shares that are not of one whole.
        """
        total = sum(share.slots for share in self.shares)
        if not self.shares:
            yield "shares", "name at least one share, as 5% version=2.*"
        if total > SLOTS:
            yield "shares", f"are {total / 100:g}% together, more than 100%"


def slots(salt: str) -> Callable[[str], int]:
    """
    Return what gives the slot of a key, 0 to 9,999.
    """
    salted = blake2b(f"{salt}\0".encode(), digest_size=8)

    def slot_of(key: str) -> int:
        hashed = salted.copy()  # half the time of a new one
        hashed.update(key.encode(errors="surrogatepass"))
        return int.from_bytes(hashed.digest(), "big") % SLOTS

    return slot_of


class SplitRouter(Router):
    """
    Sends each share of the calls to its instances.

    A call without a key goes where the largest part of the others goes. A call of a method
    that is not split may go to all instances.
    """

    Options: ClassVar[type] = SplitOptions

    def __init__(self, options: SplitOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._force = options.force
        self._slot_of = slots(options.salt)
        self._targets = [share.target for share in options.shares]
        self._read = options.key.reader(plugin_context.application)
        self._methods = [pattern(each) for each in options.methods]
        #: For each slot the number of its share; the rest is the one behind the last.
        self._share_of: list[int] = []
        for number, share in enumerate(options.shares):
            self._share_of += [number] * share.slots
        self._share_of += [len(self._targets)] * (SLOTS - len(self._share_of))
        self._largest = max(range(len(self._targets) + 1), key=self._share_of.count)
        self._is_split: dict[str, bool] = {}

    def key(self, call: Call) -> Hashable:
        is_split = self._is_split.get(call.method.path)
        if is_split is None:
            is_split = self._ask_is_split(call.method)
        if not is_split:
            return None
        key = self._read(call)
        return self._largest if key is None else self._share_of[self._slot_of(key)]

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        share = self.key(call)
        if share is None:
            return candidates
        left = self._of_share(share, candidates)
        return left if left or self._force else candidates

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        share = self.key(call)
        if share is None:
            return Reasons(f"{call.method.name} is not split")
        key = self._read(call)
        step = "the call has no key, so it goes with the largest share: "
        if key is not None:
            step = f"the key {key[:_MAX_SHOWN]!r} is in slot {self._slot_of(key)} of {SLOTS}: "
        texts = dict(enumerate(each.text for each in self.options.shares))
        step += texts.get(share, "the calls of no share")  # type: ignore[call-overload]
        if not self._of_share(share, candidates):
            step += f", which has no instance; used: {'all' if left else 'none'}"
        return Reasons(step)

    def parts(self, method: Method) -> Sequence[KeyedPart]:
        key, counts = self.options.key, Counter(self._share_of)
        if key.text == "caller" or not self._ask_is_split(method):
            return ()  # all calls of this application are one part
        examples: dict[int, str] = {}
        for number in range(_MAX_EXAMPLES):
            examples.setdefault(self._share_of[self._slot_of(str(number))], str(number))
            if len(examples) == len(counts):
                break
        return [
            KeyedPart(counts[share] / SLOTS, key, value)
            for share, value in sorted(examples.items())
        ]

    def _ask_is_split(self, method: Method) -> bool:
        if len(self._is_split) >= _MAX_METHODS:
            self._is_split.clear()
        names = names_of(method)
        fits_any = any(fits(name) for fits in self._methods for name in names)
        self._is_split[method.path] = fits_any
        return fits_any

    def _of_share(self, share: Hashable, candidates: Sequence[Candidate]) -> list[Candidate]:
        targets = self._targets
        for number, target in enumerate(targets):
            if number == share:
                return target.of(candidates)
        return [one for one in candidates if not any(one in target for target in targets)]
