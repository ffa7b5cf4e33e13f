"""
Finding and loading plugins.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import PluginError
from rpcfw.kernel.plugins import Plugins
from rpcfw.kernel.seams import SEAMS
from rpcfw.spi.router import Router

GROUP = "rpcfw.routers"

ROUTER = '''
from rpcfw.spi.options import option, options
from rpcfw.spi.router import Router

class Mine(Router):
    """
    Keeps what is near.

    More.
    """

    @options
    class Options:
        zone: str = option("", "where we are")

    def narrow(self, call, candidates):
        return candidates

class Half(Router):
    """
    Lacks its method.
    """

class Odd(Mine):
    """
    Declares its options as it likes.
    """

    class Options:
        zone = ""

class Strange(Mine):
    """
    Has an option that no text can give.
    """

    @options
    class Options:
        zones: dict = option("", "by name")
'''


def refused(plugins, name):
    """
    Return why a router cannot be had.
    """
    with pytest.raises(PluginError) as caught:
        plugins.load(GROUP, name, Router)
    return str(caught.value)


def declare(*lines):
    """
    Return the text of entry points in the group of routers.
    """
    return "[rpcfw.routers]\n" + "\n".join(lines) + "\n"


def test_a_plugin_of_an_installed_distribution(shelf):
    """
    A third party's plugin is found by its entry point.
    """
    shelf.module("their_router", ROUTER)
    shelf.add("theirs", declare("mine = their_router:Mine"))
    plugins = Plugins(find=shelf.find)

    assert ("mine",) == plugins.names(GROUP)
    assert issubclass(plugins.load(GROUP, "mine", Router), Router)


def test_nothing_is_imported_before_it_is_chosen(shelf):
    """
    A broken plugin that nobody chose harms nobody.
    """
    shelf.module("bomb", "raise SystemError('imported')\n")
    shelf.add("theirs", declare("bomb = bomb:Any"))
    plugins = Plugins(find=shelf.find)

    assert ("bomb",) == plugins.names(GROUP)


def test_a_class_named_in_the_ini(shelf):
    """
    A plugin needs no distribution: the INI may name its class.
    """
    shelf.module("my_router", ROUTER)
    plugins = Plugins({"routers.mine": "my_router:Mine"}, shelf.find)

    assert ("mine",) == plugins.names(GROUP)
    assert () == plugins.names("rpcfw.codecs")
    assert "Mine" == plugins.load(GROUP, "mine", Router).__name__


def test_an_unknown_name_lists_the_known_ones(shelf):
    """
    A typing error is answered with the nearest name and all others.
    """
    shelf.add("theirs", declare("tags = a:B", "zones = a:C"))

    assert (
        "no plugin is called 'tagz' among routers; did you mean 'tags'? known: tags, zones"
    ) == refused(Plugins(find=shelf.find), "tagz")


def test_a_name_declared_by_two_distributions_is_refused(shelf):
    """
    Which of two plugins runs is not left to the order of a path.
    """
    shelf.module("a", ROUTER)
    shelf.add("first", declare("mine = a:Mine"))
    shelf.add("second", declare("mine = a:Half"))

    assert (
        "routers.mine is declared by first and by second;"
        " say which: [plugins] routers.mine = module:Class"
    ) == refused(Plugins(find=shelf.find), "mine")
    chosen = Plugins({"routers.mine": "a:Mine"}, shelf.find)
    assert "Mine" == chosen.load(GROUP, "mine", Router).__name__


def test_a_class_that_does_not_fit_its_seam_is_refused(shelf):
    """
    A plugin of another kind, a half one, and no class at all are told apart.
    """
    shelf.module("a", ROUTER + "\nnumber = 3\n")
    local = {
        "routers.odd": "a:Odd",
        "routers.strange": "a:Strange",
        "routers.half": "a:Half",
        "routers.number": "a:number",
        "codecs.mine": "a:Mine",
        "routers.none": "a:Missing",
    }
    plugins = Plugins(local, shelf.find)

    assert "routers.half (a:Half) is not whole: it has no narrow" == refused(plugins, "half")
    assert ("routers.number (a:number) is no subclass of rpcfw.spi.router.Router") == refused(
        plugins, "number"
    )
    assert "its Options are not made with rpcfw.spi.options" in refused(plugins, "odd")
    assert "no text of an INI file gives" in refused(plugins, "strange")
    assert "AttributeError: module 'a' has no attribute 'Missing'" in refused(plugins, "none")
    with pytest.raises(PluginError, match="is no subclass of"):
        plugins.load("rpcfw.codecs", "mine", SEAMS["rpcfw.codecs"])


def test_a_module_that_fails_to_import_names_the_cause(shelf):
    """
    What a plugin's module raises is told, not thrown at the user as a trace.
    """
    shelf.module("a", "1 / 0\n")

    assert ("routers.x (a:B) cannot be imported: ZeroDivisionError: division by zero") == refused(
        Plugins({"routers.x": "a:B"}, shelf.find), "x"
    )


def test_a_module_that_ends_the_process_when_imported(shelf):
    """
    A script without a guard, named as a plugin, does not end the process without a word.
    """
    shelf.module("a", "import sys\nsys.exit(3)\n")

    assert "routers.x (a:B) cannot be imported: SystemExit: 3" == refused(
        Plugins({"routers.x": "a:B"}, shelf.find), "x"
    )


@pytest.mark.parametrize(
    ("line", "extras", "requires", "command"),
    [
        ("zoo = a:B [keeper]", ["keeper"], [], "pip install 'theirs[keeper]'"),
        ("zoo = a:B", ["x"], ['absent-thing>=2; extra == "x"'], "pip install 'absent-thing>=2'"),
        (
            "zoo = a:B",
            ["ant", "zoo"],
            ['absent-thing>=1; extra == "ant"', 'absent-thing>=2; extra == "zoo"'],
            "pip install 'absent-thing>=2'",
        ),
        (
            "ant_eater = a:B\nzoo = a:B",
            ["bee", "absent_thing"],
            ['absent-thing>=1; extra == "bee"', 'absent-thing>=2; extra == "absent_thing"'],
            "pip install 'absent-thing>=2'",
        ),
        ("zoo = a:B", ["zoo"], [], "pip install 'theirs[zoo]'"),
        ("zoo = a:B", [], [], "pip install absent_thing"),
    ],
)
def test_a_missing_module_says_what_to_install(shelf, line, extras, requires, command):
    """
    A plugin whose extra is not installed names the command that installs it.
    """
    shelf.module("a", "import absent_thing.part\n")
    shelf.add("theirs", declare(line), extras=extras, requires=requires)

    said = refused(Plugins(find=shelf.find), "zoo")

    assert "'absent_thing'" in said
    assert said.endswith(command)


def test_a_wrong_path_is_no_missing_extra(shelf):
    """
    If the plugin's own module is not there, nothing of another name is to be installed.
    """
    assert (
        "routers.x (no_such.thing:B): there is no module 'no_such';"
        " is the path right, and is it installed?"
    ) == refused(Plugins({"routers.x": "no_such.thing:B"}, shelf.find), "x")


@pytest.mark.parametrize(
    ("key", "target", "said"),
    [
        ("mine", "a:B", "expected GROUP.NAME = module:Class"),
        ("router.mine", "a:B", "unknown group 'router'; did you mean 'routers'?"),
        ("routers.mine", "a.B", "'a.B' names no class; expected module:Class"),
    ],
)
def test_a_line_of_plugins_that_cannot_be_read(key, target, said):
    """
    A wrong line under [plugins] says what a right one looks like.
    """
    with pytest.raises(PluginError) as caught:
        Plugins({key: target})

    assert said in str(caught.value)


def test_the_listing_shows_what_can_be_used_and_what_cannot(shelf):
    """
    Every plugin is listed with its origin, its options, or why it cannot be had.
    """
    shelf.module("a", ROUTER)
    shelf.add("theirs", declare("bad = a:Half", "good = a:Mine"))
    plugins = Plugins({"routers.mine": "a:Mine"}, shelf.find)

    bad, good, mine = plugins.listing(GROUP)

    assert ("routers", "bad", "a:Half", "theirs", "1.2") == (
        bad.group, bad.name, bad.target, bad.origin, bad.version
    )  # fmt: skip
    assert "is not whole" in bad.problem
    assert ("", "Keeps what is near.") == (good.problem, good.meaning)
    assert ["zone"] == [each.name for each in good.options]
    assert ("[plugins]", "") == (mine.origin, mine.version)
    assert {"bad", "good", "mine"} == {each.name for each in plugins.listing()}
