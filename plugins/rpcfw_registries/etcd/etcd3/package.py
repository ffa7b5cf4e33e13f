"""
The Python package etcd3, if it can be had here: nothing of it is imported before.

Its last release, of 2020, has generated code that protobuf refuses from 4.0 on; so
teams that use it pin protobuf below. It brings grpcio along.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rpcfw.errors import SettingsError
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles

__all__ = ["connected", "installed"]

_INSTALL = "pip install 'etcd3>=0.12' 'protobuf>=3.20,<3.21'"

_GRPC_OPTIONS = (
    # A channel that replaces another begins with a connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
    # As with our own gRPC, a proxy has no business between us and a registry.
    ("grpc.enable_http_proxy", 0),
)


def installed() -> Any:
    """
    Return the package.

    Raises:
        SettingsError: it is not installed, or cannot be imported; says what to install.
    """
    try:
        return import_module("etcd3")
    except ModuleNotFoundError as error:
        raise SettingsError(f"etcd: client = etcd3 needs: {_INSTALL} ({error})") from None
    except Exception as error:
        # protobuf raises a TypeError of several lines; anything may come of a mixture
        # of versions that nobody has tried.
        first = str(error).partition("\n")[0]
        raise SettingsError(
            f"etcd: client = etcd3: the installed etcd3 cannot be imported beside protobuf"
            f" {_protobuf()}; it needs: {_INSTALL}; or leave it to client = rpcfw"
            f" ({type(error).__name__}: {first})"
        ) from error


def connected(package: Any, address: Address, files: TLSFiles) -> Any:
    """
    Return a client of the package. It connects when it is used.

    It gets no user and password: it would wait for an answer here, and would never
    renew the token.

    Raises:
        OSError: a file cannot be read.
    """
    host = f"[{address.host}]" if ":" in address.host else address.host
    tls = {}
    if address.secure:
        names = {"ca_cert": files.ca, "cert_cert": files.certificate, "cert_key": files.key}
        tls = {name: str(file) for name, file in names.items() if file is not None}
    return package.client(host, address.port, grpc_options=_GRPC_OPTIONS, **tls)


def _protobuf() -> str:
    try:
        return version("protobuf")
    except PackageNotFoundError:
        return "(of unknown version)"
