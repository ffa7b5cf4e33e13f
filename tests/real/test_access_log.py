"""
The access log of a process: rotated by others, and whole when the process has ended.
"""

from __future__ import annotations

import json
import signal

from tests.real.commands import Running, address_in, rpcfw


def said(path):
    return [json.loads(line)["method"] for line in path.read_text().splitlines()]


def test_rotated_by_a_signal_and_whole_at_the_end(tmp_path):
    """
    After a rename and SIGHUP lines go to a new file; a stop of the process loses none.
    """
    path, old = tmp_path / "access.log", tmp_path / "access.log.old"
    sets = (
        "registry.plugin=memory",
        "app.python_path=examples/greeter",
        "server.services=service:Greeter",
        f"access_log.file={path}",
        "access_log.format=json",
    )
    with Running("serve", *(word for each in sets for word in ("--set", each))) as provider:
        address = address_in(provider.line())
        call = ("call", "--address", address)
        assert 0 == rpcfw(*call, "demo.Greeter/say", '{"name": "bob"}').returncode
        path.rename(old)
        provider.send(signal.SIGHUP)
        provider.log_until("the configuration is reloaded")
        assert 0 == rpcfw(*call, "demo.Greeter/say", '{"name": "eve"}').returncode
        code, _, log = provider.end(signal.SIGTERM)
    assert 0 == code, log
    assert "Traceback" not in log
    assert ["say", "say"] == [name for each in (old, path) for name in said(each) if name == "say"]
    assert "say" in said(path)
