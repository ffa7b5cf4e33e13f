"""
Make the modules that protoc wrote importable from inside a package.

protoc's Python output, and its ``.pyi``, import each other from the root of the
tree, so a tree put into a package cannot be imported (protobuf's issue 1491).
``python -m rpcfw.codegen.relative gen`` rewrites these imports, and only these:
a module that is not in the tree is still imported as it was.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["main", "make_relative"]

#: The four ways in which protoc writes an import, and what each becomes.
_IMPORTS = (
    (r"^from (?P<package>\w[\w.]*) import (?P<name>\w+_pb2)\b", "from {package} import {name}"),
    (r"^from (?P<package>)(?P<name>\w[\w.]*_pb2) import (?=\*|\w)", "from {package}{name} import "),
    (r"^import (?P<package>)(?P<name>\w+_pb2)\b", "from {package} import {name}"),
    (
        r"\bimportlib\.import_module\('(?P<package>)(?P<name>\w[\w.]*_pb2)'\)",
        "importlib.import_module('{package}{name}', __package__)",
    ),
)


def make_relative(root: Path) -> list[Path]:
    """
    Rewrite the tree below ``root``, and return the files that were changed.

    A tree that was rewritten before is left as it is.
    """
    changed = []
    for path in sorted((*root.rglob("*_pb2.py"), *root.rglob("*_pb2.pyi"))):
        old = path.read_text("utf-8")
        new = _rewritten(old, root, path.parent.relative_to(root).parts)
        if new != old:
            path.write_text(new, "utf-8")
            changed.append(path)
    return changed


def _rewritten(text: str, root: Path, here: tuple[str, ...]) -> str:
    up = "." * (len(here) + 1)
    for pattern, written in _IMPORTS:

        def relative(match: re.Match[str], written: str = written) -> str:
            package, name = match["package"], match["name"]
            parts = f"{package}.{name}".lstrip(".").split(".")
            if not root.joinpath(*parts).with_suffix(".py").is_file():
                return match[0]
            return written.format(package=up + package, name=name)

        text = re.sub(pattern, relative, text, flags=re.MULTILINE)
    return text


def main() -> int:
    """
    Run for the directory that the command line names.
    """
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("usage: python -m rpcfw.codegen.relative DIRECTORY\n")
        return 2
    changed = make_relative(Path(sys.argv[1]))
    sys.stdout.write(f"made relative: {len(changed)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
