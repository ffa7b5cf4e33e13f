"""
Machines alone, and frames to speak to them with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rpcfw.spi.machine import Limits
from rpcfw.spi.served import Served
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.client import ClientMachine
from rpcfw_dubbo.frames import EVENT, HESSIAN2, MAGIC, REQUEST, TWO_WAY, pack_header
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_dubbo.request_decoder import RequestDecoder
from rpcfw_dubbo.request_encoder import RequestEncoder
from rpcfw_dubbo.server import ServerMachine
from rpcfw_hessian import Schema

__all__ = ["HEARTBEAT", "client", "frames_in", "reply", "request", "server", "unary", "vector"]

VECTORS = Path(__file__).parents[2] / "vectors" / "dubbo"
HEARTBEAT = REQUEST | TWO_WAY | EVENT | HESSIAN2


def vector(name: str) -> list[bytes]:
    """
    Return the frames that Java peers sent to each other: the request, then the reply.
    """
    lines = (VECTORS / f"{name}.jsonl").read_text().splitlines()
    return [bytes.fromhex(json.loads(line)["frame"]) for line in lines]


def unary(path: str, request_type: Any = str, response_type: Any = Any) -> Method:
    """
    Return a method with one message each way.
    """
    service, _, name = path.rpartition("/")
    return Method(service, name, Shape.UNARY, request_type, response_type, "dubbo")


def server(*methods: Method, version: str = "", **limits: int) -> ServerMachine:
    """
    Return a provider's machine.
    """
    known = Limits(**limits)
    machine = ServerMachine(known, RequestDecoder(ParameterTable(Schema), known.max_header_bytes))
    machine.serve(Served({method.path: method for method in methods}, version=version))
    machine.start()
    return machine


def client(version: str = "", application: str = "", **limits: int) -> ClientMachine:
    """
    Return a consumer's machine, whose handshake is completed.
    """
    machine = ClientMachine(Limits(**limits), RequestEncoder(application, "", version), Schema())
    machine.start()
    hello = machine.take_output()
    machine.receive(frame(EVENT | HESSIAN2, hello[4:12], b"N", 20))
    return machine


def frame(flags: int, wire_id: int | bytes, body: bytes, status: int = 0) -> bytes:
    """
    Return one frame.
    """
    number = int.from_bytes(wire_id, "big", signed=True) if isinstance(wire_id, bytes) else wire_id
    return pack_header(MAGIC, flags, status, number, len(body)) + body


def request(wire_id: int, body: bytes, flags: int = REQUEST | TWO_WAY | HESSIAN2) -> bytes:
    """
    Return a request.
    """
    return frame(flags, wire_id, body)


def reply(wire_id: int, body: bytes, status: int = 20) -> bytes:
    """
    Return a reply.
    """
    return frame(HESSIAN2, wire_id, body, status)


def frames_in(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """
    Return flags, status, id and body of each frame.
    """
    found = []
    while data:
        assert data[:2] == b"\xda\xbb"
        size = int.from_bytes(data[12:16], "big")
        wire_id = int.from_bytes(data[4:12], "big", signed=True)
        found.append((data[2], data[3], wire_id, data[16 : 16 + size]))
        data = data[16 + size :]
    return found
