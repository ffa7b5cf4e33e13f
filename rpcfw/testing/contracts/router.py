"""
What every router promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.router import Router
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.values.address import Address
from rpcfw.values.call import Call

__all__ = ["RouterContract"]


class _Unreadable:
    """
    A message of a kind that no router knows.
    """

    __slots__ = ()


class RouterContract:
    """
    The tests of a router.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyRouter(RouterContract):
            def make(self):
                return MyRouter(NoOptions(), plugin_context())

    Override `calls` and `sets` if yours looks at other facts than those. Set `max_keys` if
    yours looks at values of which there are many.
    """

    #: So many different keys a thousand calls with a message each of its own may give. Keys
    #: are remembered, so one for each message would help no other call.
    max_keys: int = 10

    @abstractmethod
    def make(self) -> Router:
        """
        Return a new router.
        """

    def calls(self) -> Iterable[Call]:
        """
        Return calls that differ in what routers look at.
        """
        return (
            a_call(),
            a_call(metadata={"tag": "gray"}),
            a_call(metadata={"tag": "blue", "user": "bob"}),
            a_call(metadata={"tag": "nobody has it"}),
            a_call(metadata={"tag-bin": b"\x00"}),
            a_call(metadata={"rpcfw-address": "memory:b"}, caller="shop"),
            a_call(method="write", request={"id": 7, "user": {"name": "bob"}}, peer="10.0.0.7:1"),
            a_call(method="write", request={"id": 8}, idempotent=True),
            a_call(method="get", request=None),
            a_call(method="get", request=_Unreadable()),
        )

    def sets(self) -> Iterable[Sequence[Candidate]]:
        """
        Return sets of candidates that differ in what routers look at.
        """
        mixed = (
            candidate("a", zone="east"),
            candidate("b", zone="east", tags={"tag": "gray"}),
            candidate("c", zone="west", tags={"tag": "blue", "user": "bob"}),
            candidate("d", weight=0, zone="west", version="2.0.0"),
            candidate("e"),
            candidate("f", group="pay", version="1.0.0", reachable=False),
            candidate("g", group="pay", address=Address.parse("tcp:10.0.0.7:2210")),
            candidate("h", address=Address("unix", "/run/h"), tags={"tag": ""}),
        )
        return (mixed, mixed[:1], mixed[1:3], mixed[3:], tuple(reversed(mixed)), ())

    def _fresh(self) -> Iterator[Candidate]:
        """
        Return candidates that no other set has.
        """
        for number, zone in enumerate(("", "east", "west", "")):
            yield candidate(f"{zone}{number}", zone=zone, version=f"{number}.0.0")
            yield candidate(f"{zone}-{number}", group="pay", tags={"tag": "gray"})

    def test_some_of_them_in_order(self) -> None:
        """
        What is left are some of the candidates, in the same order, none twice.
        """
        router = self.make()
        for call in self.calls():
            for given in self.sets():
                left = {id(one) for one in router.narrow(call, given)}

                assert [one for one in given if id(one) in left] == list(router.narrow(call, given))

    def test_the_same_again(self) -> None:
        """
        The same key and candidates give the same answer, whatever was asked between.
        """
        router = self.make()
        cases = [(call, given) for given in tuple(self.sets()) for call in self.calls()]
        answers = [list(router.narrow(call, given)) for call, given in cases]

        assert answers == [list(router.narrow(call, given)) for call, given in cases]

    def test_the_key_says_all(self) -> None:
        """
        Calls with equal keys get equal answers: the key holds all that the answer needs.
        """
        router = self.make()
        for given in self.sets():
            by_key: dict[object, list[Candidate]] = {}
            for call in self.calls():
                answer = list(router.narrow(call, given))

                assert answer == by_key.setdefault(router.key(call), answer)

    def test_the_key_can_be_remembered(self) -> None:
        """
        A key is hashable, and equal each time that it is asked for.
        """
        router = self.make()
        for call in self.calls():
            assert hash(router.key(call)) == hash(router.key(call))
            assert router.key(call) == router.key(call)

    def test_candidates_are_left_alone(self) -> None:
        """
        The sequence that is handed in is not changed.
        """
        router = self.make()
        for call in self.calls():
            for given in self.sets():
                handed = list(given)
                router.narrow(call, handed)

                assert list(given) == handed

    def test_many_messages_have_few_keys(self) -> None:
        """
        Calls with a thousand different messages share a few keys.
        """
        router = self.make()
        keys = {router.key(a_call(request={"id": number})) for number in range(1000)}

        assert len(keys) <= self.max_keys

    def test_reasons_change_nothing(self) -> None:
        """
        The reasons are texts, for every call and set; asking for them changes no answer.
        """
        router = self.make()
        cases = [(call, given) for given in tuple(self.sets()) for call in self.calls()]
        answers = [list(router.narrow(call, given)) for call, given in cases]
        for (call, given), left in zip(cases, answers, strict=True):
            reasons = router.reasons(call, given, left)
            texts = [reasons.step, *(reasons.of(one) for one in given if one not in left)]

            assert all(isinstance(text, str) for text in texts)
        assert answers == [list(router.narrow(call, given)) for call, given in cases]

    def test_parts_are_a_whole(self) -> None:
        """
        The parts of the calls, if there are any, have keys of their own, and are 1 together.
        """
        router = self.make()
        parts = router.parts(a_call(method="get").method)

        assert not parts or abs(sum(part.share for part in parts) - 1) < 1e-9
        assert len({part.value for part in parts}) == len(parts)

    def test_long_lists(self) -> None:
        """
        Ten thousand candidates are narrowed like a few.
        """
        router = self.make()
        given = [one for _ in range(1250) for one in self._fresh()]
        for call in self.calls():
            left = {id(one) for one in router.narrow(call, given)}

            assert [one for one in given if id(one) in left] == list(router.narrow(call, given))

    def test_refusals(self) -> None:
        """
        A call that is refused has no candidate. Calls with equal keys have the same reason.
        """
        router = self.make()
        for call in self.calls():
            refusal = router.refusal(call)
            for given in self.sets() if refusal else ():
                assert not router.narrow(call, given)
            for other in self.calls():
                if router.key(other) == router.key(call):
                    assert router.refusal(other) == refusal

    def test_takes_over(self) -> None:
        """
        One that replaces another with the same options answers as that one does.
        """
        before, after = self.make(), self.make()
        cases = [(call, given) for given in tuple(self.sets()) for call in self.calls()]
        answers = [list(before.narrow(call, given)) for call, given in cases]
        after.take_over(before)

        for router in (after, before):
            assert answers == [list(router.narrow(call, given)) for call, given in cases]
