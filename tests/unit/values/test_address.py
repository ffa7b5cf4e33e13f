"""
Addresses and their text form.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.printable import is_plain
from rpcfw.values.address import Address

HOSTS = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(r"[a-z0-9_][a-z0-9_.\-]{0,40}", fullmatch=True),
)
ADDRESSES = st.one_of(
    st.builds(Address, st.just("tcp"), HOSTS, st.integers(0, 65535)),
    st.builds(Address, st.just("tls"), HOSTS, st.integers(0, 65535), st.ip_addresses().map(str)),
    st.builds(
        Address,
        st.sampled_from(["unix", "memory"]),
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=103),
    ),
)


@given(ADDRESSES)
def test_text_comes_back(address):
    """
    An address is read back from its own text.
    """
    assert address == Address.parse(str(address))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp:10.0.0.5:2200", Address("tcp", "10.0.0.5", 2200)),
        ("10.0.0.5:2200", Address("tcp", "10.0.0.5", 2200)),
        (" localhost:0 ", Address("tcp", "localhost", 0)),
        ("tcp:[::1]:2200", Address("tcp", "::1", 2200)),
        ("[fe80::1%eth0]:80", Address("tcp", "fe80::1%eth0", 80)),
        ("unix:/run/app.sock", Address("unix", "/run/app.sock")),
        ("localhost:50051", Address("tcp", "localhost", 50051)),
        ("[::1]:50051", Address("tcp", "::1", 50051)),
        ("tls:a.example:443@10.0.0.5", Address("tls", "a.example", 443, "10.0.0.5")),
        ("unix:80", Address("unix", "80")),
        ("memory:demo", Address("memory", "demo")),
        ("grüße.example:80", Address("tcp", "grüße.example", 80)),
    ],
)
def test_forms(text, address):
    """
    Each form that is written down is read.
    """
    assert address == Address.parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected tcp:HOST:PORT"),
        ("tcp:", "expected tcp:HOST:PORT"),
        ("tcp:80", "expected tcp:HOST:PORT"),
        ("localhost", "expected tcp:HOST:PORT"),
        ("localhost:", "expected tcp:HOST:PORT"),
        ("localhost:http", "expected tcp:HOST:PORT"),
        ("localhost:65536", "expected tcp:HOST:PORT"),
        ("localhost:-1", "expected tcp:HOST:PORT"),
        ("localhost:٣", "expected tcp:HOST:PORT"),
        ("localhost:" + "9" * 10_000, "expected tcp:HOST:PORT"),
        (":80", "expected tcp:HOST:PORT"),
        ("[]:80", "expected tcp:HOST:PORT"),
        ("a b:80", "expected tcp:HOST:PORT"),
        ("evil\nINFO all is well:80", "expected tcp:HOST:PORT"),
        ("evil\x1b[2J:80", "expected tcp:HOST:PORT"),
        ("evil\u202e:80", "its host has characters that no host has"),
        ("tls:evil\u200b.example:443", "its host has characters that no host has"),
        ("http://example.org:80/x", "is a URL, and no address; did you mean tcp:example.org:80?"),
        ("grpcs://example.org:80", "did you mean tls:example.org:80?"),
        ("unix:///run/app.sock", "did you mean unix:/run/app.sock?"),
        ("localhost", "it has no port"),
        ("localhost:http", "'http' is no port"),
        (":80", "it has no host"),
        ("localhost:80@there", "after the @ there must be an IP address"),
        ("::1:80", "an IPv6 address needs brackets"),
        ("unix:", "names no path"),
        ("memory:", "names no name"),
        ("unix:/run/a\0b", "cannot be printed"),
        ("unix:/run/\ufe0fa", "cannot be printed"),
        ("unix:/run/" + "a" * 103, "has a path of more than 10. bytes"),
        ("unix:/run/" + "é" * 52, "has a path of more than 10. bytes"),
        ("memory:" + "a" * 257, "has a name of more than 256 characters"),
        ("tcp:" + "a" * 257 + ":80", "its host has more than 256 characters"),
        ("evil\ufe0f:80", "its host has characters that no host has"),
        ("localhost:80@fe80::1%\x1b[2J", "after the @ there must be an IP address"),
        ("localhost:80@fe80::1%a b", "after the @ there must be an IP address"),
        ("memory:a\nb", "cannot be printed"),
    ],
)
def test_what_is_none(text, told):
    """
    What is no address is refused with what was expected.
    """
    with pytest.raises(ValueError, match=told):
        Address.parse(text)


@pytest.mark.parametrize(
    "text", ["{}:80", "{}", "localhost:{}", "localhost:80@{}", "http://{}", "unix:{}", "a:b:{}"]
)
@pytest.mark.parametrize("wrong", ["\ufe0f", "\x1b", "\ud800", "a" * 10_000])
def test_errors_are_short_and_plain(text, wrong):
    """
    What somebody else wrote is shown in bounded text, with no character that cannot be seen.
    """
    with pytest.raises(ValueError, match=r" (is|has|must be|needs) ") as caught:
        Address.parse(text.format(wrong))
    assert is_plain(str(caught.value))
    assert len(str(caught.value)) < 2000


@given(st.text())
def test_any_text(text):
    """
    Any text is an address or a ValueError; an address that was read has a text that is read.
    """
    try:
        address = Address.parse(text)
    except ValueError:
        return
    assert address == Address.parse(str(address))


@pytest.mark.parametrize(
    ("text", "authority", "secure"),
    [
        ("tcp:10.0.0.5:2200", "10.0.0.5:2200", False),
        ("tls:[::1]:443", "[::1]:443", True),
        ("unix:/run/app.sock", "", False),
        ("memory:a", "", False),
    ],
)
def test_what_stands_in_a_url(text, authority, secure):
    """
    What has a host and a port has an authority; only tls: is secure.
    """
    address = Address.parse(text)

    assert (authority, secure) == (address.authority, address.secure)
