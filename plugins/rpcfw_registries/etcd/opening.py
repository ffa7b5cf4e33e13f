"""
Which way requests take to etcd, as the option ``client`` says.
"""

from __future__ import annotations

from pathlib import Path

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.files import open_regular
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles
from rpcfw_registries.etcd.etcd3.member import Etcd3Member
from rpcfw_registries.etcd.etcd3.package import installed
from rpcfw_registries.etcd.grpc_member import ChannelMember
from rpcfw_registries.etcd.member import Member, OpenMember

__all__ = ["file_problem", "opener"]


def opener(client: str, files: TLSFiles, plugin_context: PluginContext) -> OpenMember:
    """
    Return what opens the way to a member.

    Raises:
        SettingsError: what was chosen cannot be had here.
    """
    if client == "etcd3":
        package = installed()
        return lambda address: Etcd3Member(package, address, files, plugin_context)
    tls = files if files.given else None

    def open_member(address: Address) -> Member:
        return ChannelMember(plugin_context.open_channel(address, "grpc", tls))

    return open_member


def file_problem(file: Path | None) -> str:
    """
    Return why a file cannot be read; empty if it can be, or there is none.
    """
    if file is None:
        return ""
    try:
        open_regular(file).close()
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    return ""
