"""
Files, environment and command line as layers.
"""

from __future__ import annotations

import os

import pytest

from rpcfw.kernel.layers import environment_layer, file_layers, set_layer


def flat(layer):
    """
    Return every value's text by section and key.
    """
    return {
        (str(name), key): given.text
        for name, section in layer.sections.items()
        for key, given in section.values.items()
    }


def test_the_environment_names_sections_and_qualifiers():
    """
    Double underscores part section, qualifier and key; a qualifier keeps its case.
    """
    layer = environment_layer(
        {
            "RPCFW_CLIENT__TIMEOUT": "1s",
            "RPCFW_CLIENT__demo.Greeter__MAX_CALLS": "7",
            "RPCFW_ACCESS_LOG__FORMAT": "json",
            "RPCFW_HOME": "/x",
            "PATH": "/bin",
        }
    )

    assert {
        ("[client]", "timeout"): "1s",
        ("[client demo.Greeter]", "max_calls"): "7",
        ("[access_log]", "format"): "json",
    } == flat(layer)


def test_a_broken_variable_is_a_mistake():
    """
    A variable with the marks but without a key is reported by its name.
    """
    layer = environment_layer({"RPCFW_CLIENT__": "1s"})

    assert [
        "environment RPCFW_CLIENT__: expected RPCFW_SECTION__KEY or RPCFW_SECTION__qualifier__KEY"
    ] == [*map(str, layer.mistakes)]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("client.timeout=1s", {("[client]", "timeout"): "1s"}),
        ("client demo.Greeter.timeout = 1s", {("[client demo.Greeter]", "timeout"): "1s"}),
        ("plugins.registries.mine=a.b:C", {("[plugins]", "registries.mine"): "a.b:C"}),
        ("a.b=c=d", {("[a]", "b"): "c=d"}),
    ],
)
def test_set_names_a_key(argument, expected):
    """
    The text before the equals sign names section, qualifier and key.
    """
    assert expected == flat(set_layer([argument]))


def test_the_later_set_counts():
    """
    A script may append to the arguments it was given.
    """
    layer = set_layer(["a.b=1", "a.b=2"])

    assert {("[a]", "b"): "2"} == flat(layer)
    assert [] == layer.mistakes


@pytest.mark.parametrize("argument", ["timeout=1s", "client.timeout", "client x=1", "=", ".a=1"])
def test_set_without_section_key_or_value_is_a_mistake(argument):
    """
    An argument that names no key says how one is named.
    """
    [mistake] = set_layer([argument]).mistakes

    assert "expected SECTION.KEY=VALUE" in str(mistake)
    assert str(mistake).startswith("--set ")


def test_a_file_that_cannot_be_opened_is_a_mistake(tmp_path):
    """
    A missing file is reported among the other mistakes.
    """
    [layer] = file_layers([tmp_path / "none.ini"])

    assert [f"{tmp_path}/none.ini: cannot be read: No such file or directory"] == [
        *map(str, layer.mistakes)
    ]


@pytest.mark.parametrize(
    ("make", "reason"),
    [(os.mkfifo, "it is not a regular file"), (os.mkdir, "it is a directory")],
    ids=["fifo", "folder"],
)
def test_what_is_no_file_is_a_mistake(tmp_path, make, reason):
    """
    A FIFO that nobody writes to does not hold the start up; a folder is refused as well.
    """
    file = tmp_path / "provider.ini"
    make(file)

    [layer] = file_layers([file])

    assert [f"{file}"] == [mistake.origin.shown for mistake in layer.mistakes]
    assert reason in layer.mistakes[0].reason
