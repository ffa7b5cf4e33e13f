"""
What every router promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.router import Router
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.values.call import Call

__all__ = ["RouterContract"]


class RouterContract:
    """
    The tests of a router.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyRouter(RouterContract):
            def make(self):
                return MyRouter(NoOptions(), plugin_context())

    Override `calls` and `sets` if yours looks at other facts than those.
    """

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
        )
        return (mixed, mixed[:1], mixed[1:3], mixed[3:], tuple(reversed(mixed)), ())

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
