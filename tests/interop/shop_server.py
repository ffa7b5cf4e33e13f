"""
``python -m tests.interop.shop_server FOLDER SETTING...``: the shop, served by rpcfw.
"""

from __future__ import annotations

import sys

import rpcfw
from rpcfw import Application, ApplicationError, Status
from rpcfw.codegen.dynamic import services_from_descriptor
from rpcfw.spi.runtime.waiting import Waiter
from tests.interop.noting_gzip import COMPRESSING, came_compressed
from tests.interop.shop import FAILURE, INITIAL, TRAILING, details_of

__all__ = ["main"]


def _shop(pb2):
    class Shop(services_from_descriptor(pb2.DESCRIPTOR)["shop.Shop"]):
        given_up_calls = 0

        async def echo(self, note):
            context = rpcfw.context()
            context.send_metadata({INITIAL: context.metadata.get(INITIAL, "none")})
            context.send_metadata({"x-packed": str(came_compressed())})
            context.send_trailers({TRAILING: context.metadata.get(TRAILING, b"none")})
            return note

        async def count(self, note):
            for number in range(note.count):
                yield pb2.Note(count=number, data=note.data)

        async def total(self, notes):
            sizes = [len(note.data) async for note in notes]
            return pb2.Note(text=str(sum(sizes)), count=len(sizes))

        async def chat(self, notes):
            async for note in notes:
                yield note

        async def fail(self, note):
            raise ApplicationError(Status.RESOURCE_EXHAUSTED, FAILURE, details=details_of(pb2))

        async def hang(self, note):
            try:
                await Waiter()
            finally:
                self.given_up_calls += 1

        async def given_up(self, note):
            return pb2.Note(count=self.given_up_calls)

    return Shop()


def main():
    """
    Serve until SIGTERM.
    """
    folder, *sets = sys.argv[1:]
    sys.path.insert(0, folder)
    import shop_pb2

    common = ("server.protocols=native, grpc", "registry.plugin=memory")
    sets = [*COMPRESSING, *common, *sets]
    application = Application.from_ini(sets=sets, services=[_shop(shop_pb2)])

    async def serve():
        sys.stdout.write(f"serving at {application.server.addresses[0]}\n")
        sys.stdout.flush()
        await Waiter()

    application.run(serve)


if __name__ == "__main__":
    main()
