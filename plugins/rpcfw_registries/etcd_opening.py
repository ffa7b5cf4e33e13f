"""
Which way requests take to etcd, as the option ``client`` says.
"""

from __future__ import annotations

from rpcfw.errors import SettingsError
from rpcfw.spi.plugin import Surroundings
from rpcfw.spi.runtime.files import open_regular
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles
from rpcfw_registries.etcd3_member import Etcd3Member
from rpcfw_registries.etcd3_package import installed
from rpcfw_registries.etcd_channel import ChannelMember
from rpcfw_registries.etcd_member import Member, OpenMember

__all__ = ["check_files", "opener"]


def opener(client: str, files: TLSFiles, surroundings: Surroundings) -> OpenMember:
    """
    Return what opens the way to a member.

    Raises:
        SettingsError: what was chosen cannot be had here.
    """
    if client == "etcd3":
        package = installed()
        return lambda address: Etcd3Member(package, address, files, surroundings)
    tls = files if files.given else None

    def open_member(address: Address) -> Member:
        return ChannelMember(surroundings.open_channel(address, "grpc", tls))

    return open_member


def check_files(files: TLSFiles) -> None:
    """
    See that the files are there.

    Raises:
        SettingsError: one of them cannot be read.
    """
    for file in files.given:
        try:
            open_regular(file).close()
        except OSError as error:
            raise SettingsError(f"etcd: {file} cannot be read: {error.strerror}") from None
