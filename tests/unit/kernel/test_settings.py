"""
Settings: layers, claims, and every mistake at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rpcfw.errors import ContractError, SettingsError
from rpcfw.kernel.settings import Sources, options_of
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.values.units import Bytes, Seconds


@options
class ClientOptions:
    timeout: Seconds = option("3s", "how long a call may take")
    retries: int = option("2", "how often it is repeated")
    cert: Path | None = option("", "whom to trust")


@options
class RegistryOptions:
    address: str = option(NO_DEFAULT, "where it listens")
    password: Bytes = option("1B", "of an odd kind", secret=True)


@options
class Range:
    low: int = option("1", "the least")
    high: int = option("2", "the most")

    def __attrs_post_init__(self):
        if self.low > self.high:
            raise ValueError("low is over high")


@pytest.fixture
def write(tmp_path):
    """
    Give a function that writes an INI file.
    """

    def write(text, name="a.ini"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def said(sources):
    """
    Return every mistake that is told in the end.
    """
    with pytest.raises(SettingsError) as caught:
        sources.finish()
    return caught.value.mistakes


def test_without_anything_given_the_defaults_hold():
    """
    No file, no environment, no arguments: every option has its default.
    """
    sources = Sources.load()

    client = sources.section("client", ClientOptions)
    sources.finish()

    assert ClientOptions(timeout=3.0, retries=2, cert=None) == client


def test_each_layer_lies_over_the_one_before(write):
    """
    Defaults, then files in order, then the environment, then --set.
    """
    first = write("[a]\nlow = 10\nhigh = 20\n[client]\ntimeout = 1s\nretries = 1\n")
    second = write("[client]\nretries = 5\n[a]\nhigh = 30\n", "b.ini")
    sources = Sources.load(
        [first, second],
        {"RPCFW_A__HIGH": "40", "RPCFW_CLIENT__TIMEOUT": "7s"},
        ["client.timeout=8s"],
    )

    client = sources.section("client", ClientOptions)
    given = sources.section("a", Range)
    sources.finish()

    assert (8.0, 5, None) == (client.timeout, client.retries, client.cert)
    assert (10, 40) == (given.low, given.high)


def test_a_qualified_section_lies_over_the_plain_one_key_by_key(write):
    """
    What a qualified section does not say is taken from the plain one.
    """
    file = write("[client]\ntimeout = 1s\nretries = 9\n[client demo.Greeter]\ntimeout = 2s\n")
    sources = Sources.load([file], {"RPCFW_CLIENT__demo.Slow__TIMEOUT": "9s"})

    plain = sources.section("client", ClientOptions)
    names = sources.qualifiers("client")
    by_name = {name: sources.section("client", ClientOptions, name) for name in names}
    unknown = sources.section("client", ClientOptions, "not.There")
    sources.finish()

    assert (1.0, 9) == (plain.timeout, plain.retries)
    assert ("demo.Greeter", "demo.Slow") == sources.qualifiers("client")
    assert (2.0, 9) == (by_name["demo.Greeter"].timeout, by_name["demo.Greeter"].retries)
    assert (9.0, 9) == (by_name["demo.Slow"].timeout, by_name["demo.Slow"].retries)
    assert plain == unknown


def test_a_path_starts_where_its_file_lies(write, tmp_path):
    """
    A relative path in a file is relative to the file, elsewhere to the process.
    """
    file = write("[client]\ncert = ca.pem\n")

    from_file = Sources.load([file]).section("client", ClientOptions)
    from_set = Sources.load([file], sets=["client.cert=ca.pem"]).section("client", ClientOptions)

    assert tmp_path / "ca.pem" == from_file.cert
    assert Path("ca.pem") == from_set.cert


@pytest.mark.parametrize(
    ("section", "command"),
    [
        ("bus", "rpcfw registry"),
        ("console", "rpcfw console and rpcfw top"),
        ("node", "rpcfw registry"),
        ("probe", "rpcfw probe"),
    ],
)
def test_a_section_that_another_command_reads_is_refused_with_its_name(write, section, command):
    """
    Who gives the file of one command to another one learns that the section is spelled right.
    """
    (mistake,) = said(Sources.load([write(f"[{section}]\n", "a.ini")]))

    assert f"only {command} can read this section; use a file without it" in mistake


def test_every_mistake_is_told_at_once_in_the_order_of_the_sources(write):
    """
    One run tells all that is wrong, each with its place and the nearest known name.
    """
    file = write(
        "[client]\ntimeuot = 1s\nretries = many\n[cleint]\nx = 1\njunk\n[registry]\n", "a.ini"
    )
    sources = Sources.load(
        [file, file.parent / "none.ini"],
        {"RPCFW_CLIENT__TIMEOUT": "5", "RPCFW_CLIENT_RETRIES": "3"},
        ["client.retires=1", "nonsense"],
    )

    sources.section("client", ClientOptions)
    sources.section("registry", RegistryOptions)

    assert (
        (
            f"{file}:2: [client] timeuot: unknown option;"
            " did you mean 'timeout'? known: cert, retries, timeout"
        ),
        f"{file}:3: [client] retries: 'many' is not a whole number",
        f"{file}:4: [cleint]: unknown section; did you mean 'client'? known: client, registry",
        f"{file}:6: expected key = value, [section], or a comment beginning with #",
        f"{file}:7: [registry] address: must be given: where it listens (text)",
        f"{file.parent}/none.ini: cannot be read: No such file or directory",
        (
            "environment RPCFW_CLIENT__TIMEOUT: [client] timeout: '5' has no unit;"
            " a duration is written as 250ms (us, ms, s, m, min, h, d)"
        ),
        (
            "--set client.retires: [client] retires: unknown option;"
            " did you mean 'retries'? known: cert, retries, timeout"
        ),
        "--set nonsense: expected SECTION.KEY=VALUE or 'SECTION QUALIFIER.KEY=VALUE'",
        (
            "environment RPCFW_CLIENT_RETRIES: [client] retries is written"
            " RPCFW_CLIENT__RETRIES, with two underscores between"
        ),
    ) == said(sources)


def test_a_missing_option_of_a_section_that_nobody_gave(write):
    """
    What must be given is asked for even if its section is not there.
    """
    file = write("[client]\n")
    sources = Sources.load([file])
    sources.section("client", ClientOptions)

    made = sources.section("registry", RegistryOptions)

    assert (f"{file}: [registry] address: must be given: where it listens (text)",) == said(sources)
    assert made.address is None


def test_a_mistake_in_the_plain_section_counts_once(write):
    """
    Ten services that share a section share its mistake.
    """
    file = write("[client]\ntimeout = 5\n[client a.B]\nretries = 1\n[client c.D]\n")
    sources = Sources.load([file])
    sources.section("client", ClientOptions)
    for name in sources.qualifiers("client"):
        sources.section("client", ClientOptions, name)

    [mistake] = said(sources)

    assert mistake.startswith(f"{file}:2: [client] timeout:")


def test_a_secret_is_never_shown(write):
    """
    A secret that cannot be read is reported without it.
    """
    file = write("[registry]\naddress = x\npassword = hunter2\n")
    sources = Sources.load([file])
    made = sources.section("registry", RegistryOptions)

    assert (
        f"{file}:3: [registry] password: cannot be read; expected a size, such as 4MiB",
    ) == said(sources)
    assert "hunter2" not in repr(made)
    assert "hunter2" not in repr(vars(sources))


def test_options_that_do_not_fit_together_are_a_mistake_of_the_section(write):
    """
    What a class of options checks by itself is reported like the rest.
    """
    file = write("[a]\nlow = 5\n")
    sources = Sources.load([file])

    made = sources.section("a", Range)

    assert (f"{file}:1: [a]: low is over high",) == said(sources)
    assert (5, 2) == (made.low, made.high)


def test_an_unknown_qualifier_names_the_nearest(write):
    """
    A section for a service that nobody has is not ignored.
    """
    file = write("[filter tagz]\n")
    sources = Sources.load([file])
    sources.section("filter", Range, "tags")

    assert (
        f"{file}:1: [filter tagz]: nothing here is called tagz; did you mean 'tags'? known: tags",
    ) == said(sources)


def test_a_plugin_that_nobody_has_hides_no_other_mistake(write):
    """
    With the plugin unknown its options cannot be judged, but all others are.
    """
    file = write("[registry]\nplugin = zookeper\nhosts = a,b\n[client]\ntimeout = 5\n")
    sources = Sources.load([file])

    name = sources.raw("registry", "plugin", "standalone")
    sources.blame("registry", "plugin", f"no plugin is called {name!r}")
    sources.leave_section("registry", "")
    sources.section("client", ClientOptions)

    mistakes = said(sources)

    assert 2 == len(mistakes)
    assert f"{file}:2: [registry] plugin: no plugin is called 'zookeper'" == mistakes[0]


def test_a_section_may_hold_a_plugin_and_its_options(write):
    """
    The plugin's name and the plugin's options stand in one section.
    """
    file = write("[registry]\nplugin = x\naddress = y\n")
    sources = Sources.load([file])

    assert "x" == sources.raw("registry", "plugin", "standalone")
    assert "standalone" == Sources.load().raw("registry", "plugin", "standalone")
    assert "y" == sources.section("registry", RegistryOptions, extra_keys=("plugin",)).address
    sources.finish()


def test_a_section_of_the_users_own_keys(write):
    """
    A mapping takes whatever keys there are.
    """
    file = write("[plugins]\nregistries.mine = my.module:Class\n")
    sources = Sources.load([file])

    assert {"registries.mine": "my.module:Class"} == sources.mapping("plugins")
    assert {} == sources.mapping("labels")
    assert sources.has("plugins")
    assert not sources.has("labels")
    sources.finish()


def test_a_section_may_be_left_unread(write):
    """
    What belongs to a part that this command does not make is not judged.
    """
    sources = Sources.load([write("[server]\nanything = x\n[server a]\ny = z\n")])

    sources.leave("server")

    sources.finish()


def test_one_section_may_be_left_without_its_siblings(write):
    """
    Only what an unknown plugin could read is not judged.
    """
    file = write("[router a]\nx = 1\n[router b]\nlowr = 1\n")
    sources = Sources.load([file])
    sources.section("router", Range, "b")

    sources.leave_section("router", "a")

    (mistake,) = said(sources)
    assert mistake.startswith(f"{file}:4: [router b] lowr: unknown option; did you mean 'low'?")


def test_a_section_of_a_plugin_that_is_not_in_use_says_where_to_name_it(write):
    """
    The name may be right, and the option that chooses the plugin may lack it.
    """
    file = write("[filter fallback]\nvalue = 1\n")
    sources = Sources.load([file])
    sources.named_in("filter", ("client", "insert", "demo.Shop"))

    assert (f"{file}:1: [filter fallback]: not in use: write fallback in [client] insert",) == said(
        sources
    )


def test_a_command_may_need_only_a_few_sections(write):
    """
    What a command does not need is not judged, but what it does need is.
    """
    sources = Sources.load([write("[server]\nanything = x\n[client]\ntimeout = 5\n")])
    sources.section("client", ClientOptions)

    sources.leave_rest()

    assert 1 == len(said(sources))


@options
class DepthOptions:
    max_depth: int = option("8", "how deep", section="codec deep")
    width: int = option("1", "how wide")

    def problems(self):
        if self.max_depth < 1:
            yield "max_depth", "must be at least 1"


def test_an_option_may_be_in_a_section_that_several_share(write):
    """
    It is written there once, for all; each has other options in its own section.
    """
    path = write("[codec deep]\nmax_depth = 3\n[codec flat]\nwidth = 2\n")
    sources = Sources.load([path])
    deep, flat = (sources.section("codec", DepthOptions, name) for name in ("deep", "flat"))
    sources.finish()
    assert (deep.max_depth, flat.max_depth, deep.width, flat.width) == (3, 3, 1, 2)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (
            "[codec flat]\nmax_depth = 3\n",
            [":2: [codec flat] max_depth: this option is shared; write it in [codec deep] only"],
        ),
        (
            "[codec flat]\nmax_depth = 3\n[codec deep]\nmax_depth = 4\n",
            [
                (
                    ":2: [codec flat] max_depth: this option is shared; write it in [codec deep] "
                    "only, where it is, too: {path}:4"
                )
            ],
        ),
        ("[codec deep]\nmax_depth = 0\n", [":2: [codec deep] max_depth: must be at least 1"]),
    ],
)
def test_a_shared_option_elsewhere_is_a_mistake(write, text, mistakes):
    """
    The error names the section that has it, and its place there if it is given twice.
    """
    path = write(text)
    sources = Sources.load([path])
    for name in ("deep", "flat"):
        sources.section("codec", DepthOptions, name)
    found = [each.removeprefix(str(path)) for each in said(sources)]
    assert found == [each.format(path=path) for each in mistakes]


def test_options_from_texts():
    """
    A test makes options as an INI file would.
    """
    assert 0.25 == options_of(ClientOptions, timeout="250ms").timeout

    with pytest.raises(SettingsError) as caught:
        options_of(ClientOptions, timeout="5", retires="1")

    assert 2 == len(caught.value.mistakes)


def test_a_wrong_default_is_the_authors_fault():
    """
    A default that its own type cannot read is found at first use.
    """

    @options
    class Wrong:
        size: Bytes = option("4", "lacks its unit")

    with pytest.raises(ContractError, match="the declared default of size is wrong"):
        options_of(Wrong)
