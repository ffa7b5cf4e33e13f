"""
What the user gave, layer by layer: files, environment, command line.

``RPCFW_CLIENT__TIMEOUT`` is ``[client] timeout`` and
``RPCFW_CLIENT__demo.Greeter__TIMEOUT`` is ``[client demo.Greeter] timeout``; on the
command line ``client.timeout=1s`` and ``client demo.Greeter.timeout=1s``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path

from rpcfw.kernel.ini import Given, Layer, Origin, SectionName, read_ini
from rpcfw.spi.runtime.files import read_regular

__all__ = ["PREFIX", "environment_layer", "file_layers", "set_layer"]

PREFIX = "RPCFW_"

#: Orders of the layers that come after any number of files.
_ENVIRONMENT, _SETS = 1 << 20, (1 << 20) + 1


def file_layers(files: Sequence[str | PathLike[str]]) -> list[Layer]:
    """
    Read the files; one that cannot be opened is a mistake of its layer.
    """
    return [_file_layer(fspath(file), number) for number, file in enumerate(files)]


def _file_layer(file: str, number: int) -> Layer:
    path = Path(file)
    try:
        content = read_regular(path)
    except OSError as error:
        layer = Layer()
        layer.blame(Origin(file, (number, 0)), f"cannot be read: {error.strerror or error}")
        return layer
    return read_ini(content, file, number=number, folder=str(path.parent))


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """
    Take what `PREFIX` and a double underscore mark as ours.
    """
    layer = Layer()
    ours = sorted(name for name in environ if name.startswith(PREFIX) and "__" in name)
    for index, variable in enumerate(ours):
        at = Origin(f"environment {variable}", (_ENVIRONMENT, index))
        section, *qualifier, key = variable[len(PREFIX) :].split("__")
        if not section or not key:
            layer.blame(at, f"expected {PREFIX}SECTION__KEY or {PREFIX}SECTION__qualifier__KEY")
            continue
        name = SectionName(section.lower(), "__".join(qualifier))
        layer.give(name, key.lower(), Given(environ[variable].strip(), at))
    return layer


def set_layer(sets: Iterable[str]) -> Layer:
    """
    Take the arguments of ``--set``; of two for one key the later counts.
    """
    layer = Layer()
    for index, argument in enumerate(sets):
        place, equals, text = argument.partition("=")
        place = place.strip()
        at = Origin(f"--set {place}", (_SETS, index))
        name, key = _place(place)
        if not equals or not name.name or not key:
            layer.blame(at, "expected SECTION.KEY=VALUE or 'SECTION QUALIFIER.KEY=VALUE'")
            continue
        if name in layer.sections:
            layer.sections[name].values.pop(key, None)
        layer.give(name, key, Given(text.strip(), at))
    return layer


def _place(place: str) -> tuple[SectionName, str]:
    # A qualifier may have dots in it, so the key is after the last one; without a
    # qualifier the key may have dots, so the section is before the first one.
    section, space, rest = place.partition(" ")
    if space:
        qualifier, _, key = rest.strip().rpartition(".")
        return SectionName(section if qualifier else "", qualifier), key
    section, _, key = place.partition(".")
    return SectionName(section), key
