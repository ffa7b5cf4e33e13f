"""
What to install for a part of ours, or of a third party, that is optional.

An extra is found by what it installs, so that the command works however the distribution
was installed: from an index, from a checkout, from a wheel.
"""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import Distribution, PackageNotFoundError, distribution

__all__ = ["extra_of", "needs"]

_OF_EXTRA = re.compile(r"\s*([^;]+?)\s*;.*\bextra\s*==\s*[\"']([^\"']+)[\"']")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def needs(extra: str, dist: Distribution | None = None) -> str:
    """
    Return how to install an extra, to follow the name of what needs it.

    Args:
        extra: its name.
        dist: whose it is; None for ours.
    """
    try:
        dist = dist or distribution("rpcfw")
    except PackageNotFoundError:  # a source tree that was not installed
        return f"needs the extra {extra!r}: pip install 'rpcfw[{extra}]'"
    brought = " ".join(f"'{each}'" for each, its in _requirements(dist) if its == extra)
    if not brought:
        return f"needs the extra {extra!r}: pip install '{dist.name}[{extra}]'"
    return f"needs the extra {dist.name}[{extra}], which is: pip install {brought}"


def extra_of(dist: Distribution, module: str, plugin: str, group: str = "") -> str:
    """
    Return the extra that brings a module, or nothing.

    Several may bring it. Then it is the one that is called like the plugin, or that the
    plugin's name begins with, as ``grpc`` for ``grpc_health``; or likewise for the group, as
    ``metrics`` for ``rpcfw.metrics_exporters``; or that is called like the module; or that
    brings the most of it. A requirement need not be called like its module, as protobuf is
    not; then it is the extra that is called like the plugin. Or it brings a part of the
    module, as opentelemetry-api does of ``opentelemetry``.
    """
    module = _folded(module)
    found: Counter[str] = Counter()
    for requirement, extra in _requirements(dist):
        name = _NAME.match(requirement)
        if name is not None and f"{_folded(name[0])}_".startswith(f"{module}_"):
            found[extra] += 1
    for called in (plugin, group.rpartition(".")[2]):
        for extra in found or dist.metadata.get_all("Provides-Extra") or []:
            if called == extra or called.startswith(f"{extra}_"):
                return extra
    if module in found:
        return module
    return next((extra for extra, _ in found.most_common(1)), "")


def _requirements(dist: Distribution) -> list[tuple[str, str]]:
    """
    Return the requirements of all extras, each with the extra.
    """
    matches = map(_OF_EXTRA.match, dist.requires or [])
    return [(match[1], match[2]) for match in matches if match is not None]


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
