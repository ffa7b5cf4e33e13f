"""
Sends a load report with each response, as gRPC's clients read it.
"""

from __future__ import annotations

from typing import Any

from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.call import Call
from rpcfw.values.load_report import LoadReport
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_collectors.orca import TRAILER, pack_orca

__all__ = ["LoadTrailer"]


class LoadTrailer(Filter):
    """
    Adds a load report in the form of gRPC (ORCA) to the trailers of each response.

    The report is made once a second at most, and so are its bytes.
    """

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._report: LoadReport | None = None
        self._trailers = EMPTY

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        response = await proceed(call)
        report = self.plugin_context.load.report()
        if report is not self._report:
            self._report = report
            pairs = () if report is None else ((TRAILER, pack_orca(report)),)
            self._trailers = Metadata(pairs)
        if self._trailers.pairs:
            call.trailers = Metadata(call.trailers.pairs + self._trailers.pairs)
        return response
