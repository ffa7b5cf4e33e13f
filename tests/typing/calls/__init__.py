"""
A written service as users see it: served, called, and used wrongly.

``order_pb2.pyi`` is protoc's, ``order_rpc.py`` is ours, both from
``examples/orders/order.proto``; a test keeps the latter fresh.
"""
