"""
Services by the names that an INI file gives them.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from rpcfw.errors import SetupError
from rpcfw.kernel.hints import hint
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.raised import described
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service
from rpcfw.spi.service_source import ServiceSource

__all__ = ["import_from", "load_services", "services_problems"]


def import_from(folders: Iterable[Path]) -> None:
    """
    Have modules imported from these folders first.

    They stay on ``sys.path``: a service may import its neighbours at any time.
    """
    places = [str(folder.resolve()) for folder in folders]
    sys.path[:0] = [place for place in places if place not in sys.path]


def load_services(
    targets: Iterable[str], plugin_context: PluginContext, place: str = "[server] services"
) -> list[Service]:
    """
    Import and make the services that are called ``module:Class``.

    In place of a class may stand a `ServiceSource`, as ``module:object``.

    Args:
        place: where they are named, to begin a message with.

    Raises:
        SetupError: one cannot be had; says which and why.
    """
    made: list[Service] = []
    for target in targets:
        try:
            made += _make(_checked(_imported(target)), plugin_context)
        except _Unusable as unusable:
            raise SetupError(f"{place}: {target!r} {unusable}") from unusable.__cause__
    return made


def services_problems(targets: Iterable[str]) -> Iterator[str]:
    """
    Find the services that cannot be imported; none is made.
    """
    for target in targets:
        try:
            _checked(_imported(target))
        except _Unusable as unusable:
            yield f"{target!r} {unusable}"


#: How a service is named.
_TARGET = re.compile(r"[\w.]+:\w+\Z")


class _Unusable(Exception):
    """
    Why a service cannot be made, to follow its name in a message.
    """


def _imported(target: str) -> object:
    if not _TARGET.match(target):
        raise _Unusable(f"is not written as module:Class, as greeter:Greeter{hint(target)}")
    module_name, _, name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != module_name and not module_name.startswith(f"{missing}."):
            raise _Unusable(f"cannot be imported: {described(error, __file__)}") from error
        raise _Unusable(
            f"cannot be imported: there is no module {missing!r} in [app] python_path (folders, "
            "relative to this file) nor where Python looks"
        ) from error
    except (Exception, SystemExit) as error:
        # The module is somebody's, so anything may come; a script may call sys.exit().
        raise _Unusable(f"cannot be imported: {described(error, __file__)}") from error
    found: object = getattr(module, name, None)
    if found is None:
        names = [each for each, value in vars(module).items() if _is_service(value)]
        raise _Unusable(
            f"is not there: {module.__file__} has no {name!r}; {suggestion(name, names)}"
        )
    return found


def _checked(found: object) -> type[Service] | ServiceSource:
    if not isinstance(found, ServiceSource) and not _is_service(found):
        raise _Unusable(
            "is no subclass of rpcfw.Service: write class NAME(rpcfw.Service, name=...)"
        )
    return cast("type[Service] | ServiceSource", found)


def _make(found: type[Service] | ServiceSource, plugin_context: PluginContext) -> Sequence[Service]:
    try:
        return found(plugin_context) if isinstance(found, ServiceSource) else [found()]
    except SetupError as error:
        raise _Unusable(f"cannot be made: {error}") from error
    except Exception as error:
        if isinstance(error, TypeError) and _takes_arguments(found):
            raise _Unusable(
                f"is made without arguments, and its constructor takes some ({error}): give them "
                "defaults, open what it needs in started(), or name a ServiceSource that makes it"
            ) from error
        raise _Unusable(
            f"cannot be made: its constructor raised {described(error, __file__)}"
        ) from error


def _is_service(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Service) and found is not Service


def _takes_arguments(found: type[Service] | ServiceSource) -> bool:
    """
    Tell whether it is a class that cannot be made without arguments.
    """
    if isinstance(found, ServiceSource):
        return False
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        return True
    return False
