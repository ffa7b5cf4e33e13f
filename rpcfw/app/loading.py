"""
Services by the names that an INI file gives them.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from rpcfw.errors import SetupError
from rpcfw.spi.service import Service

__all__ = ["load_services"]


def load_services(targets: Iterable[str], folders: Iterable[Path]) -> list[Service]:
    """
    Import and make the services that are called ``module:Class``.

    Args:
        folders: looked in first. They stay on ``sys.path``: a service may import
            its neighbours at any time.

    Raises:
        SetupError: one cannot be had; says which and why.
    """
    places = [str(folder.resolve()) for folder in folders]
    sys.path[:0] = [place for place in places if place not in sys.path]
    return [_load(target) for target in targets]


def _load(target: str) -> Service:
    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise SetupError(f"[server] services: {target!r} is not written as module:Class")
    try:
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, type) or not issubclass(found, Service):
            raise SetupError(f"[server] services: {target!r} is no subclass of rpcfw.Service")
        service: Service = found()
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(
            f"[server] services: {target!r} cannot be had: {_told(error)}; "
            "it is looked for in [app] python_path, then where Python looks"
        ) from error
    return service


def _told(error: Exception) -> str:
    """
    Return what was raised, and where if that was in code of the user's.
    """
    said = f"{type(error).__name__}: {error}"
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    if innermost.filename == __file__ or "importlib" in innermost.filename:
        return said
    return f"{said} ({innermost.filename}:{innermost.lineno})"
