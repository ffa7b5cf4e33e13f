"""
YAML within bounds.
"""

from __future__ import annotations

import pytest

from rpcfw.values.rule import MAX_DOCUMENT_BYTES
from rpcfw_dubbo_rules.yaml_text import read_yaml

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"

HOSTILE = {
    BOMB: "anchor or an alias",
    "a: *b": "anchor or an alias",
    "[" * 100_000: "nest",
    "a: " + "{b: " * 20: "nested more than 16 deep",
    "- x\n" * 30_000: "more than 20000 parts",
    "x" * (MAX_DOCUMENT_BYTES + 1): "has 262145 bytes, more than 262144",
    "é" * (MAX_DOCUMENT_BYTES // 2 + 1): "has 262146 bytes, more than 262144",
    "a: !!python/object/apply:os.system ['true']": "has the tag",
    "!x a: b": "has the tag",
    "a: 1\na: 2": "no key of a map, or is there twice",
    "[a]: 1": "no key of a map, or is there twice",
    "a: 1\n---\nb: 2": "more than one document",
    "a: [": "is no YAML",
    "a: \x00": "is no YAML",
    "a: \ud800": "is no YAML",
    "%YAML 9.9\n---\na: 1": "is no YAML",
    "!too large": "has the tag",
}


def test_reads_what_documents_of_dubbo_have():
    """
    Maps, lists and texts; numbers and truths stay text; all styles of a text are read.
    """
    text = """\
        %YAML 1.2
        ---
        force: true
        weight: 50
        empty:
        nothing: ~
        tilde: '~'
        conditions:
          - method=get* => host=10.0.0.7
          - >
            method!=get
            =>
          - "a=b =>"
        tags: [{name: gray, addresses: ["10.0.0.7:20880"]}]
        ...
        """
    lines = [line.removeprefix("        ") for line in text.splitlines()]
    assert read_yaml("\n".join(lines)) == {
        "force": "true",
        "weight": "50",
        "empty": None,
        "nothing": None,
        "tilde": "~",
        "conditions": ["method=get* => host=10.0.0.7", "method!=get =>\n", "a=b =>"],
        "tags": [{"name": "gray", "addresses": ["10.0.0.7:20880"]}],
    }


@pytest.mark.parametrize(("text", "reason"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_refuses_what_is_hostile(text, reason):
    """
    Whatever is in the config centre, reading it ends in one kind of error that says why.
    """
    with pytest.raises(ValueError, match=reason):
        read_yaml(text)


def test_says_what_to_install(monkeypatch):
    """
    Without PyYAML the reason names the extra.
    """
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ValueError, match=r"pip install 'rpcfw\[dubbo\]'"):
        read_yaml("a: 1")
