"""
Reading the dialect of INI.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.kernel.ini import MAX_MISTAKES, Given, Origin, SectionName, read_ini


def read(text):
    """
    Read a file with this text.
    """
    return read_ini(text.encode(), "a.ini")


def values(text):
    """
    Return every value's text by section and key.
    """
    return {
        (str(name), key): given.text
        for name, section in read(text).sections.items()
        for key, given in section.values.items()
    }


def mistakes(text):
    """
    Return the mistakes of a file with this text.
    """
    return [str(each) for each in read(text).mistakes]


def test_values_of_plain_and_qualified_sections():
    """
    A key belongs to the section above it, qualified or not.
    """
    text = "[client]\ntimeout = 1s\n[client demo.Greeter]\ntimeout=2s\n"

    assert {
        ("[client]", "timeout"): "1s",
        ("[client demo.Greeter]", "timeout"): "2s",
    } == values(text)


def test_every_value_knows_its_line():
    """
    A value remembers the file and line it stands at.
    """
    layer = read("# why\n\n[client]\ntimeout = 1s\n")

    section = layer.sections[SectionName("client")]

    assert "a.ini:4" == str(section.values["timeout"].origin)
    assert "a.ini:3" == str(section.origin)


def test_indented_lines_continue():
    """
    Indented lines are further lines of the value above; comments among them are not.
    """
    text = "[stack]\ninsert =\n  a before X\n  # not this\n\n  b after Y\nremove = Z\n"

    assert {
        ("[stack]", "insert"): "a before X\nb after Y",
        ("[stack]", "remove"): "Z",
    } == values(text)


def test_comment_signs_within_a_value_belong_to_it():
    """
    A password may have any sign in it.
    """
    assert {("[a]", "b"): "x#y;z = 1"} == values("[a]\nb = x#y;z = 1\n")


def test_an_empty_value_is_a_value():
    """
    Nothing after the equals sign is the empty text.
    """
    assert {("[a]", "b"): ""} == values("[a]\nb =\n")


def test_a_qualifier_has_brackets_in_pairs():
    """
    An address of IPv6 is a qualifier; a bracket too many is a mistake.
    """
    text = "[instance tcp:[::1]:2200]\na = 1\n"
    assert {("[instance tcp:[::1]:2200]", "a"): "1"} == values(text)
    for header in "[a b]]", "[a [b]", "[a ]b]", "[a [[b]]]":
        assert 1 == len(mistakes(f"{header}\n"))


def test_the_number_of_mistakes_is_bounded():
    """
    Of a text that is no INI at all, the first mistakes are kept.
    """
    found = mistakes("x\n" * 5000)
    assert MAX_MISTAKES == len(found)
    assert found[-1].startswith(f"a.ini:{MAX_MISTAKES}: ")


def test_all_mistakes_are_collected_with_their_lines():
    """
    One reading finds every line that makes no sense, and reads the rest.
    """
    text = "early = 1\n[a]\n  lost\nb = 1\nb = 2\njunk\n[Bad Section Name]\nc = 1\n[d]\ne = 1\n"

    found = mistakes(text)

    assert [
        "a.ini:1: early: is above the first [section]",
        "a.ini:3: an indented line continues the value above, and there is none",
        "a.ini:5: [a] b: given twice; first at a.ini:4",
        "a.ini:6: expected key = value, [section], or a comment beginning with #",
        (
            "a.ini:7: '[Bad Section Name]' is no section;"
            " expected [name] or [name qualifier] in lower case"
        ),
    ] == found
    assert {("[a]", "b"): "1", ("[d]", "e"): "1"} == values(text)


def test_a_line_that_cannot_be_read_is_not_shown():
    """
    A slip of the pen does not print a password.
    """
    assert "hunter2" not in "".join(mistakes("[a]\npassword hunter2\n"))


def test_a_section_may_be_opened_again():
    """
    A section in two places of a file is one section.
    """
    assert {("[a]", "b"): "1", ("[a]", "c"): "2"} == values("[a]\nb=1\n[x]\n[a]\nc=2\n")


def test_text_that_is_not_utf_8_is_one_mistake_at_its_line():
    """
    A file in another encoding is refused at the line where that shows.
    """
    layer = read_ini(b"[a]\nb = \xff\n", "a.ini")

    assert ["a.ini:2: not UTF-8; save the file in that encoding"] == [*map(str, layer.mistakes)]


def test_a_mark_of_byte_order_and_other_line_ends_do_no_harm():
    """
    Files from Windows read like others.
    """
    layer = read_ini(b"\xef\xbb\xbf[a]\r\nb = 1\r\n", "a.ini")

    assert "1" == layer.sections[SectionName("a")].values["b"].text


def test_a_value_has_no_repr():
    """
    What a value says does not reach a log by accident.
    """
    assert "hunter2" not in repr(Given("hunter2", Origin("a.ini:1")))


@given(st.binary(max_size=200))
def test_any_bytes_give_values_or_mistakes(content):
    """
    Nothing that a file can hold makes the reader raise.
    """
    layer = read_ini(content, "a.ini")

    assert all(each.reason for each in layer.mistakes)
