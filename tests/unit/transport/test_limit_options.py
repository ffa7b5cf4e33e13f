"""
Limits as a user writes them.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.machine import Limits
from rpcfw.transport.limit_options import LimitOptions


def test_the_defaults_are_the_seams():
    """
    An INI that says nothing of limits means those that the seam names.
    """
    assert Limits() == options_of(LimitOptions).limits()


def test_what_is_said():
    """
    Limits have units, and reach the machines as bytes.
    """
    texts = {"max_receive_bytes": "1MiB", "max_calls": "7", "stream_window_bytes": "2KiB"}
    limits = options_of(LimitOptions, **texts).limits()

    assert (1 << 20, 7, 2048) == (
        limits.max_receive_bytes,
        limits.max_calls,
        limits.stream_window_bytes,
    )


def test_limits_that_leave_nothing():
    """
    Limits that no call would pass are refused, all at once, with the least that goes.
    """
    with pytest.raises(SettingsError) as caught:
        options_of(LimitOptions, max_calls="0", max_header_bytes="100B")
    assert (
        "LimitOptions: [options] max_calls: must be at least 1, not 0",
        "LimitOptions: [options] max_header_bytes: must be at least 1024, not 100",
    ) == caught.value.mistakes
