"""
From a plugin's declaration to its class, or to the reason why not.
"""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint
from typing import TypeVar

from rpcfw.errors import ContractError, PluginError
from rpcfw.kernel.convert import expected
from rpcfw.kernel.extras import extra_of, needs
from rpcfw.spi.options import declared
from rpcfw.spi.plugin import Plugin

__all__ = ["load", "origin"]

P = TypeVar("P", bound=Plugin)


def origin(entry_point: EntryPoint) -> str:
    """
    Return who declares it: a distribution's name, or the INI.
    """
    return "[plugins]" if entry_point.dist is None else entry_point.dist.name


def load(entry_point: EntryPoint, seam: type[P]) -> type[P]:
    """
    Import the class and check that it fits.

    Raises:
        PluginError: it cannot be imported, or is no whole subclass of ``seam``.
    """
    where = f"{entry_point.group.rpartition('.')[2]}.{entry_point.name} ({entry_point.value})"
    try:
        found: object = entry_point.load()
    except ModuleNotFoundError as error:
        raise PluginError(f"{where}: {_missing(entry_point, error)}") from error
    except (Exception, SystemExit) as error:
        # Whatever the module does while it is imported is its author's, so anything may come.
        raise PluginError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(found, type) or not issubclass(found, seam):
        raise PluginError(f"{where} is no subclass of {seam.__module__}.{seam.__qualname__}")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise PluginError(f"{where} is not whole: it has no {lacking}")
    _check_options(where, found)
    return found


def _check_options(where: str, found: type[Plugin]) -> None:
    try:
        for each in declared(found.Options):
            expected(each.type)
    except (ContractError, ValueError, KeyError, NameError, TypeError) as error:
        # attrs raises ValueError or TypeError for other classes, annotations may raise
        # NameError, and a field that `option` did not make has no metadata.
        raise PluginError(
            f"{where}: its Options are not made with rpcfw.spi.options ({error!r})"
        ) from error


def _missing(entry_point: EntryPoint, error: ModuleNotFoundError) -> str:
    missing = error.name or ""
    own = entry_point.module
    if own == missing or own.startswith(f"{missing}."):
        return f"there is no module {missing!r}; is the path right, and is it installed?"
    extra = _extra(entry_point, missing.partition(".")[0])
    if extra and entry_point.dist is not None:
        return f"there is no module {missing!r}; it {needs(extra, entry_point.dist)}"
    return f"it needs the module {missing!r}, which is not installed: pip install {missing}"


def _extra(entry_point: EntryPoint, module: str) -> str:
    """
    Return the extra that brings ``module``, or nothing. The declaration may name it.
    """
    if entry_point.extras:
        return str(entry_point.extras[0])
    if entry_point.dist is None:
        return ""
    return extra_of(entry_point.dist, module, entry_point.name, entry_point.group)
