"""
A collector of OpenTelemetry, as far as tests need one: it takes spans by OTLP over HTTP.

What comes is read with the published Protobuf definitions.
"""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from attrs import frozen
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["OTLPReceiver", "Received"]

LIMIT_S = 20


@frozen
class Received:
    """
    A span, and the service that it came from.
    """

    service: str
    span: Span

    @property
    def attributes(self):
        """
        What it says.
        """
        return {each.key: each.value for each in self.span.attributes}

    def __str__(self):
        kind = Span.SpanKind.Name(self.span.kind).removeprefix("SPAN_KIND_")
        said = self.attributes
        status = said["rpc.response.status_code"].string_value if _STATUS in said else ""
        attempt = said.get("rpcfw.attempt.number")
        number = "" if attempt is None else f" attempt {attempt.int_value}"
        return f"{self.service}: {kind} {self.span.name}{number} {status}".rstrip()


_STATUS = "rpc.response.status_code"


class OTLPReceiver:
    """
    Listens on a free port while the block is open.
    """

    def __init__(self):
        self._spans = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._request_class())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self):
        """
        Where spans are taken.
        """
        return f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count):
        """
        Return the spans once there are so many.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: len(self._spans) >= count, LIMIT_S)
            assert came, f"{len(self._spans)} spans came: {[*map(str, self._spans)]}"
            return [*self._spans]

    def tree(self, count):
        """
        Return that many spans as a tree: one line each, children indented below their parents.
        """
        spans = sorted(self.wait_for(count), key=lambda each: each.span.start_time_unix_nano)
        known = {each.span.span_id for each in spans}
        roots = [each for each in spans if each.span.parent_span_id not in known]
        return [line for each in roots for line in _lines(each, spans, "")]

    def _take(self, body):
        request = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            for of_resource in request.resource_spans:
                facts = {each.key: each.value for each in of_resource.resource.attributes}
                service = facts["service.name"].string_value
                for of_scope in of_resource.scope_spans:
                    self._spans += [Received(service, span) for span in of_scope.spans]
            self._changed.notify_all()

    def _request_class(receiver):  # noqa: N805 - the other `self` is the request's
        class Request(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                receiver._take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """
                Say nothing.
                """

        return Request


def _lines(one, spans, indent):
    lines = [f"{indent}{one}"]
    for child in spans:
        if child.span.parent_span_id == one.span.span_id:
            lines += _lines(child, spans, indent + "  ")
    return lines
