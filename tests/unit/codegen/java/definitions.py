"""
Definitions of interfaces, for tests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

from rpcfw.codegen.java.definition import read_definition
from rpcfw.codegen.java.module import stub_module

FOLDER = Path(__file__).parent


def a_definition(*methods, types=(), **more):
    """
    Return the JSON of an interface; a method is its name, its result and its parameters.
    """
    listed = [
        {"name": name, "returnType": result, "parameterTypes": list(parameters)}
        for name, result, *parameters in methods
    ]
    whole = {"canonicalName": "com.acme.Shop", "methods": listed, "types": list(types), **more}
    return json.dumps(whole).encode()


def a_type(name, **properties):
    """
    Return a class of values in a definition.
    """
    return {"type": name, "properties": properties}


def written(*methods, types=(), **more):
    """
    Return the module that is written for an interface.
    """
    return stub_module(read_definition(a_definition(*methods, types=types, **more), "test"))


def module(text):
    """
    Import a module with this text; return its names.
    """
    found = sys.modules["written_stubs"] = ModuleType("written_stubs")
    exec(compile(text, "written_stubs.py", "exec"), vars(found))  # noqa: S102 - what is tested
    return vars(found)
