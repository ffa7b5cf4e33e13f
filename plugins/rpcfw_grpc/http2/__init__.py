"""
HTTP/2 (RFC 9113) as a machine without I/O, and with no knowledge of who uses it.

Begin with `connection.Connection`, which a user has, and with `callbacks.Callbacks`, which has
the events that it reports. From the ground up: `frames` and `settings` are layouts and numbers;
`header_list` and `hpack` read and write header fields; `flow_control`, `stream` and `abuse` keep
the state of windows, streams and peers; `frame_reader` is the way in, `outbound` the way out.
"""
