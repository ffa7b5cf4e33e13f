"""
What a server says of itself, and what it refuses to say.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.server.announcing import check
from rpcfw.server.options import ServerOptions
from rpcfw.testing.lab import Lab
from tests.lab.services import Greeter


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("listen", "", "at least one address"),
        ("listen", "tcp:localhost:80@127.0.0.1", "leave out what follows the @"),
        ("weight", "-1", "0 to 1000000, not -1"),
        ("weight", "1000001", "not 1000001"),
        ("tags", "a=b, c", "'c' is not name=value"),
        ("tags", "=b", "'=b' is not name=value"),
    ],
)
def test_mistakes_stop_the_start(name, text, told):
    """
    What no consumer could read is refused before anything starts.
    """
    with pytest.raises(SettingsError, match=told):
        check(options_of(ServerOptions, **{name: text}))


def test_all_mistakes_at_once():
    """
    Every mistake is told in one go.
    """
    with pytest.raises(SettingsError) as caught:
        check(options_of(ServerOptions, listen="", weight="-1", tags="x"))
    assert 3 == len(caught.value.mistakes)


def test_an_instance():
    """
    An instance says what the options say, under an id that every registry takes.
    """
    texts = ("weight=7", "group=g", "version=2", "zone=z", "tags=a=b, c = d")
    with Lab() as lab:
        lab.serve(
            Greeter(),
            name="odd name/€",
            sets=[f"server.{text}" for text in texts] + ["server.listen=memory:odd name"],
        )
        (instance,) = lab.registry.instances("demo.Greeter")
    assert (7, "g", "2", "z") == (
        instance.weight,
        instance.group,
        instance.version,
        instance.zone,
    )
    assert {"a": "b", "c": "d"} == instance.tags
    assert instance.id.startswith("odd_name:0-")
