"""
The plugins that keep rules in memory and in files.
"""

from __future__ import annotations

from pathlib import Path

from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw_registries.local.file_records import FileRecords
from rpcfw_registries.local.memory_records import MemoryRecords, record_table
from rpcfw_registries.rules.stored import StoredRules

__all__ = ["FileRules", "FileRulesOptions", "MemoryRules", "MemoryRulesOptions"]


@options
class MemoryRulesOptions:
    """
    Settings of rules in memory.
    """

    name: str = option("default", "rules of this process with the same name are the same")


class MemoryRules(StoredRules):
    """
    Rules in memory, shared by all of one process that have the same name.
    """

    Options = MemoryRulesOptions

    def __init__(self, options: MemoryRulesOptions, plugin_context: PluginContext) -> None:
        store = MemoryRecords(record_table(options.name), plugin_context.clock)
        super().__init__(store, plugin_context, options)


@options
class FileRulesOptions:
    """
    Settings of rules in files.
    """

    folder: Path = option(NO_DEFAULT, "folder of the rules, shared by the processes of a machine")


class FileRules(StoredRules):
    """
    Rules in the files of a folder. ``rpcfw rule`` writes them.
    """

    Options = FileRulesOptions

    def __init__(self, options: FileRulesOptions, plugin_context: PluginContext) -> None:
        store = FileRecords(options.folder, plugin_context)
        super().__init__(store, plugin_context, options)
