"""
A router: a call goes to the instances that serve its language.
"""

from __future__ import annotations

from rpcfw.spi.router import Reasons, Router


class LanguageRouter(Router):
    """
    Compares the metadata ``language`` of a call with the tag ``languages`` of the instances.
    """

    def key(self, call):
        return call.metadata.get("language", "en")

    def narrow(self, call, candidates):
        return [one for one in candidates if self.key(call) in _languages(one)]

    def reasons(self, call, candidates, left):
        step = f"the call wants {self.key(call)!r}"
        return Reasons(step, lambda one: f"it serves {', '.join(_languages(one))}")


def _languages(candidate):
    return candidate.instance.tags.get("languages", "en").split()
