"""
Documents as files with the version that was read.
"""

from __future__ import annotations

import pytest

from rpcfw.cli.rules.document_file import read_document, with_heading
from rpcfw.errors import SettingsError
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Document, application_scope, service_scope


def test_a_document_comes_back(tmp_path):
    """
    What `get` writes is what `put` stores, and the version is the one that was read.
    """
    document = Document("policies", "[retry]\n# ä\n", 7, "bob@x", 0.0, "two\nlines\x1b")
    path = tmp_path / "shop.ini"
    path.write_text(with_heading(service_scope("demo.Shop"), document), encoding="utf-8")
    found = read_document(str(path))
    assert (7, document.body) == (found.version, found.body)
    assert found.whole.startswith("# version 7 of policies of service demo.Shop, put by bob@x")
    assert "\x1b" not in found.whole


def test_a_file_of_another_document(tmp_path):
    """
    The first line says of which service and kind the file is.
    """
    document = Document("policies", "[retry]\n", 1, "bob@x")
    path = tmp_path / "shop.ini"
    path.write_text(with_heading(service_scope("demo.Shop"), document))
    found = read_document(str(path))
    assert found.is_of(service_scope("demo.Shop"), "policies")
    assert not found.is_of(service_scope("demo.Sho"), "policies")
    assert not found.is_of(service_scope("demo.Shop"), "instances")
    assert not found.is_of(application_scope("demo.Shop"), "policies")
    path.write_text("[retry]\n")
    assert read_document(str(path)).is_of(service_scope("demo.Sho"), "policies")


def test_a_file_of_ones_own(tmp_path):
    """
    A file without that first line has no version.
    """
    path = tmp_path / "shop.ini"
    for comment in "# calmer", "# version 2 of the sale":
        path.write_text(f"{comment}\n[retry]\n")
        found = read_document(str(path))
        assert (None, f"{comment}\n[retry]\n") == (found.version, found.body)


def test_files_that_cannot_be_read(tmp_path):
    """
    The error names the file and what is wrong with it.
    """
    path = tmp_path / "shop.ini"
    with pytest.raises(SettingsError, match=r"shop\.ini: cannot be read: No such file"):
        read_document(str(path))
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_document(str(path))
    path.write_bytes(b"x" * 2 * MAX_DOCUMENT_BYTES)
    with pytest.raises(SettingsError, match="larger than"):
        read_document(str(path))
