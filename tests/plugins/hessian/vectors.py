"""
Bytes that Java wrote: tests/vectors/hessian, by name.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

__all__ = ["ENCODED", "JDK", "REPLIES", "Vector"]

_FOLDER = Path(__file__).parents[2] / "vectors" / "hessian"
_CUT = re.compile(r"([0-9a-f]+)\.\.\.\((\d+) bytes\)\.\.\.([0-9a-f]+)")


@frozen
class Vector:
    """
    Bytes of one value. Long ones are kept as their beginning, their end and their size.
    """

    head: bytes
    tail: bytes
    size: int

    @property
    def whole(self) -> bool:
        """
        Whether all bytes are here.
        """
        return self.size == len(self.head)

    def is_of(self, data: bytes) -> bool:
        """
        Whether these are the bytes.
        """
        fits = data.startswith(self.head) and data.endswith(self.tail)
        return fits and len(data) == self.size


def _vector(text: str) -> Vector:
    cut = _CUT.fullmatch(text)
    if cut:
        return Vector(bytes.fromhex(cut[1]), bytes.fromhex(cut[3]), int(cut[2]))
    data = bytes.fromhex(text)
    return Vector(data, b"", len(data))


def _vectors(name: str) -> dict[str, Vector]:
    lines = (_FOLDER / name).read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {row[0]: _vector(row[-1]) for row in rows if not row[-1].startswith("ERR")}


#: What hessian-lite writes for values.
ENCODED = _vectors("encode.tsv")
#: What a later hessian-lite writes for classes of the JDK.
JDK = _vectors("jdk.tsv")
#: What hessian-lite writes as the answers of Caucho's test service.
REPLIES = _vectors("reply.tsv")
