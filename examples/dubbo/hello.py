"""
A service that consumers in Java call. Served by ``conf/dubbo.ini``.
"""

from __future__ import annotations

import rpcfw


class Hello(rpcfw.Service, name="demo.Hello"):
    """
    ``interface demo.Hello { String say(String name); }`` in Java.
    """

    @rpcfw.method(idempotent=True)
    async def say(self, name: str) -> str:
        return f"hi {name}"
