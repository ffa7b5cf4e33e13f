"""
Services by the names that an INI file gives them.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

from rpcfw.errors import SetupError
from rpcfw.spi.plugin import Surroundings
from rpcfw.spi.service import Service
from rpcfw.spi.service_source import ServiceSource

__all__ = ["load_services"]


def load_services(
    targets: Iterable[str], folders: Iterable[Path], surroundings: Surroundings
) -> list[Service]:
    """
    Import and make the services that are called ``module:Class``.

    In place of a class may stand a `ServiceSource`, as ``module:object``.

    Args:
        folders: looked in first. They stay on ``sys.path``: a service may import
            its neighbours at any time.

    Raises:
        SetupError: one cannot be had; says which and why.
    """
    places = [str(folder.resolve()) for folder in folders]
    sys.path[:0] = [place for place in places if place not in sys.path]
    return [service for target in targets for service in _load(target, surroundings)]


def _load(target: str, surroundings: Surroundings) -> Sequence[Service]:
    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise SetupError(f"[server] services: {target!r} is not written as module:Class")
    try:
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, ServiceSource):
            return found(surroundings)
        if not isinstance(found, type) or not issubclass(found, Service):
            raise SetupError(f"[server] services: {target!r} is no subclass of rpcfw.Service")
        return [found()]
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(
            f"[server] services: {target!r} cannot be had: {_told(error)}; "
            "it is looked for in [app] python_path, then where Python looks"
        ) from error


def _told(error: Exception) -> str:
    """
    Return what was raised, and where if that was in code of the user's.
    """
    said = f"{type(error).__name__}: {error}"
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    if innermost.filename == __file__ or "importlib" in innermost.filename:
        return said
    return f"{said} ({innermost.filename}:{innermost.lineno})"
