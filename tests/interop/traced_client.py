"""
``python -m tests.interop.traced_client FOLDER TARGET URL``: a traced call to a gRPC server.
"""

from __future__ import annotations

import sys

from rpcfw import Application
from rpcfw.codegen.dynamic import services_from_descriptor

__all__ = ["main"]


def main():
    """
    Make one call, send the spans of it to URL, and end.
    """
    folder, target, url = sys.argv[1:]
    sys.path.insert(0, folder)
    import shop_pb2

    shop = services_from_descriptor(shop_pb2.DESCRIPTOR)["shop.Shop"]
    application = Application.from_ini(
        sets=[
            "app.name=buyer",
            "client.protocols=grpc",
            "registry.plugin=static",
            f"registry.instances=shop.Shop = {target} protocols=grpc",
            "tracing.plugin=otel",
            "tracing.exporter=otlp",
            f"tracing.endpoint={url}",
        ]
    )

    async def call():
        answer = await application.client(shop).echo(shop_pb2.Note(text="hello"))
        sys.stdout.write(f"{answer.text}\n")

    application.run(call)


if __name__ == "__main__":
    main()
