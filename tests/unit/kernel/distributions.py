"""
Distributions on disk, installed nowhere, for tests of finding plugins.
"""

from __future__ import annotations

from importlib.metadata import distributions


class Shelf:
    """
    A folder with distributions and modules in it.
    """

    def __init__(self, folder):
        self.folder = folder

    def add(self, name, entry_points, *, requires=(), extras=()):
        """
        Put a distribution on the shelf.
        """
        folder = self.folder / f"{name.replace('-', '_')}-1.2.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.2"]
        lines += [f"Requires-Dist: {each}" for each in requires]
        lines += [f"Provides-Extra: {each}" for each in extras]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        (folder / "entry_points.txt").write_text(entry_points)

    def module(self, name, text):
        """
        Put a module on the shelf.
        """
        (self.folder / f"{name}.py").write_text(text)

    def find(self, group):
        """
        Return the shelf's entry points of a group.
        """
        return [
            each
            for distribution in distributions(path=[str(self.folder)])
            for each in distribution.entry_points
            if each.group == group
        ]
