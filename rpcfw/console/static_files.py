"""
The style sheet, the script and the icon, read once. No path of a request reaches the file system.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from rpcfw.console.http.messages import Response

__all__ = ["static_files"]

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
#: A new version of the console has new files; a browser may have the old ones for so long.
_CACHED = ("Cache-Control", "max-age=300")


def static_files() -> Mapping[str, Response]:
    """
    Return the response to each path.
    """
    folder = files("rpcfw.console") / "static"
    return {
        f"/static/{name}": Response(
            body=(folder / name).read_bytes(), content_type=kind, headers=(_CACHED,)
        )
        for name, kind in _TYPES.items()
    }
