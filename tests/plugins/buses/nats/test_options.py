"""
What the INI may say of the bus ``nats``.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw_buses.nats.bus import NATSOptions


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, []),
        ({"user": "u", "password": "p"}, []),
        ({"token": "t"}, []),
        ({"address": ""}, ["address"]),
        ({"user": "u"}, ["user"]),
        ({"password": "p"}, ["password"]),
        ({"token": "t", "user": "u", "password": "p"}, ["token"]),
        ({"ping_interval": "1ms"}, ["ping_interval"]),
        ({"user": "u", "password_file": "/nowhere"}, ["password_file"]),
        ({"address": "tls:a:1", "tls_ca": "/nowhere"}, ["tls_ca"]),
        ({"address": "tls:a:1", "tls_key": __file__}, ["tls_certificate"]),
        ({"address": "a:1", "tls_ca": __file__}, ["address"]),
    ],
)
def test_what_does_not_fit(texts, expected):
    """
    Mistakes are found as the file is read.
    """
    found = []
    try:
        options_of(NATSOptions, **texts)
    except SettingsError as error:
        found = [problem.split("]")[1].split(":")[0].strip() for problem in error.mistakes]
    assert expected == found


def test_secrets_are_not_shown():
    """
    A password or a token is in no text of the options.
    """
    shown = str(options_of(NATSOptions, user="u", password="p4ss"))
    assert "p4ss" not in shown
    assert "t0ken" not in str(options_of(NATSOptions, token="t0ken"))
