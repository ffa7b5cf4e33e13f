"""
Hooks: what a server runs of a service beside its methods, and how any hook is run.

Hooks and methods share the names of one class, so a name that is a hook's is refused
for anything else when the class is defined, and code that is generated avoids it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rpcfw.errors import ContractError

__all__ = ["HOOKS", "check_hooks", "run_hook"]

#: The hooks of a service, and when each runs.
HOOKS = {
    "started": "runs before the service takes calls",
    "ready": "runs before the service is announced",
    "leaving": "runs when the server begins to stop",
    "stopped": "runs after the service's last call",
}


async def run_hook(hook: Callable[[], Any]) -> None:
    """
    Run a hook to its end: a coroutine function, a plain one, or one that gives a Deferred.
    """
    result = hook()
    if inspect.isawaitable(result):
        await result


def check_hooks(cls: type) -> None:
    """
    See that a service class has nothing but hooks under the names of hooks.

    Raises:
        ContractError: names the attribute, and what to write instead.
    """
    for name, when in HOOKS.items():
        functions = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
        where = f"{cls.__qualname__}.{name}"
        marks = [getattr(function, "__rpcfw__", None) for function in functions]
        if any(mark is not None and mark.exported for mark in marks):
            raise ContractError(
                f"{where}: a method cannot have this name, which is that of the hook that {when}; "
                f'write @method(name="{name}") above a function called {name}_'
            )
        reason = _unfit(functions[0])
        if reason:
            raise ContractError(
                f"{where} is the hook that {when}, and {reason}; a method of a proto file with "
                f"this name is written as {name}_"
            )
    marked = getattr(inspect.getattr_static(cls, "service_name"), "__rpcfw__", None)
    if marked is not None:
        raise ContractError(
            f"{cls.__qualname__}.service_name is the service's name, so no method can be called so"
        )


def _unfit(function: Any) -> str:
    """
    Return why something cannot be a hook; empty if it can.
    """
    if isinstance(function, (staticmethod, classmethod)) or not callable(function):
        return f"must be a method of the object, not a {type(function).__name__}"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "must not yield"
    mark = getattr(function, "__rpcfw__", None)
    if mark is not None and mark.blocking:
        return "cannot be @blocking: await twisted.internet.threads.deferToThread for what blocks"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return "takes no argument except self"
    except ValueError:
        return ""  # written in C, and says nothing of what it takes
    return ""
