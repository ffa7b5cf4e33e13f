"""
Who calls: the name of the calling application.
"""

from __future__ import annotations

import pytest

from rpcfw import Service, context, method


class Who(Service, name="demo.Who"):
    """
    Says who called it, and with what.
    """

    @method
    async def calls(self) -> str:
        metadata = context().metadata
        return f"{context().caller} {'rpcfw-caller' in metadata}"


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_a_server_hears_the_name_of_its_caller(lab, wire):
    """
    On each wire, with every call, and not among the metadata.
    """
    base = f"app.protocols={wire}"
    lab.serve(Who(), sets=[base, f"server.protocols={wire}"])
    consumer = lab.consumer(base, f"client.protocols={wire}", name="shop-front")
    client = consumer.application.client(Who)

    assert ["shop-front False"] * 3 == [lab.run(client.calls()) for _ in range(3)]
