"""
The filter that sends a load report with each response.
"""

from __future__ import annotations

from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.load_reporter import LoadReporter, Usage
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.metadata import Metadata
from rpcfw_collectors.load_trailer import LoadTrailer
from rpcfw_collectors.orca import TRAILER, parse_orca


def load_trailer(enabled=True) -> LoadTrailer:
    load = LoadReporter(lambda: 0.0, lambda: Usage(process_s=0.0, memory=0.25))
    load.enabled = enabled
    return LoadTrailer(NoOptions(), plugin_context(load=load))


def answered(filter):
    """
    Return a call after its response, to which the method gave a trailer.
    """

    async def method(call):
        call.trailers = Metadata.of({"own": "1"})
        return b"response"

    call = a_call()
    spawn(filter.apply(call, method))
    return call


class TestLoadTrailerContract(FilterContract):
    def make(self):
        return load_trailer()


def test_beside_the_trailers_of_the_method():
    """
    The report is a trailer beside those that the method sends.
    """
    trailers = answered(load_trailer()).trailers

    assert "1" == trailers.get("own")
    assert 0.25 == parse_orca(trailers.get(TRAILER)).memory


def test_a_server_that_tells_nothing():
    """
    With [server] load_report = no, nothing is added.
    """
    assert (("own", "1"),) == answered(load_trailer(enabled=False)).trailers.pairs


def test_packed_once():
    """
    The responses of the same second have the same bytes, which are made once.
    """
    filter = load_trailer()
    first, second = (answered(filter).trailers.get(TRAILER) for _ in range(2))

    assert first is second
