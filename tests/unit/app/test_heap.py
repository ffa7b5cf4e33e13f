"""
Memory that is kept when it is freed.
"""

from __future__ import annotations

import ctypes

import pytest

from rpcfw.app.heap import keep_freed

GLIBC = hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
@pytest.mark.parametrize("size_bytes", [1 << 20, 32 << 20, 8 << 30])
def test_any_size_is_taken(size_bytes):
    """
    The C library is told, also of more than it can count.
    """
    assert keep_freed(size_bytes, {})


def test_nothing_is_kept_unasked():
    """
    A size of 0 changes nothing.
    """
    assert not keep_freed(0, {})


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_environment_goes_first(name):
    """
    Whoever has set up the C library's memory is not overruled.
    """
    assert not keep_freed(1 << 20, {name: "anything"})
