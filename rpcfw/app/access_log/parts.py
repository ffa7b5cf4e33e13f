"""
The access log of a process, made as its options say.
"""

from __future__ import annotations

from functools import partial

from twisted.logger import Logger

from rpcfw.app.access_log.lines import JSONLines, TextLines
from rpcfw.app.access_log.log_file import LogFile
from rpcfw.app.access_log.options import AccessLogOptions
from rpcfw.app.access_log.writer import LogWriter
from rpcfw.filters.access_log import AccessLogs, ClientAccessLog, ServerAccessLog
from rpcfw.printable import printable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.logged_call import (
    ATTEMPTS,
    LIMIT_S,
    METHOD,
    PEER,
    PHASES,
    SIDE,
    STATUS,
    TOOK_S,
    TRACE,
    LoggedCall,
)

__all__ = ["SlowCalls", "make_access_logs"]

_log = Logger(namespace="rpcfw.slow_calls")


class SlowCalls:
    """
    Writes a line about each slow call to the log of the process.

    Lines of one method are limited, since many calls may be slow at a time.
    """

    def __init__(self, plugin_context: PluginContext) -> None:
        self._log = LimitedLog(_log, plugin_context.clock.seconds, 10.0, 5)

    def tell(self, call: LoggedCall) -> None:
        """
        Say that a call was slow, and where its time went.
        """
        path, phases = call[METHOD].path, call[PHASES]
        rest_s = call[TOOK_S] - sum(took_s for _, took_s in phases.items())
        parts = [*phases.items(), ("elsewhere", rest_s)]
        self._log.warn_of(
            f"{call[SIDE]} {path}",
            "slow call {number} of the {side}: {path} {peer} took {took:.3f} s of {limit:.3g} s "
            "({status}): {where}{attempts}{trace}",
            number=phases.number,
            side=call[SIDE],
            path=printable(path),
            peer=("to " if call[SIDE] == "client" else "from ") + (call[PEER] or "nobody"),
            took=call[TOOK_S],
            limit=call[LIMIT_S],
            status=call[STATUS].name,
            where=", ".join(f"{name} {took_s:.3f} s" for name, took_s in parts if took_s >= 0.001),
            attempts=f"; {call[ATTEMPTS]} attempts" if call[ATTEMPTS] > 1 else "",
            trace="" if call[TRACE] is None else f"; trace {call[TRACE].trace_id}",
        )


def make_access_logs(options: AccessLogOptions, plugin_context: PluginContext) -> AccessLogs:
    """
    Return what logs the calls of a process.
    """
    writer = None
    if options.file is not None and options.sides:
        writer = LogWriter(
            _file(options, plugin_context),
            partial(JSONLines if options.format == "json" else TextLines, options.fields),
            options.max_queue,
            plugin_context,
        )
    elif not options.log_slow:
        return AccessLogs()
    tell = SlowCalls(plugin_context).tell if options.log_slow else None
    arguments = plugin_context, options.wanted, writer, tell
    return AccessLogs(
        ClientAccessLog(*arguments) if "client" in options.sides else None,
        ServerAccessLog(*arguments) if "server" in options.sides else None,
        writer,
    )


def _file(options: AccessLogOptions, plugin_context: PluginContext) -> LogFile:
    assert options.file is not None
    return LogFile(
        options.file,
        options.max_file_size,
        options.rotate_daily,
        options.max_files,
        plugin_context.time_of_day,
    )
