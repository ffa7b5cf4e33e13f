"""
The wire protocol of Apache Dubbo (``dubbo://``), with Hessian 2.

`server` and `client` are the machines, `connection` is what both have. The values inside of a
frame's body are read and written by `rpcfw_hessian`.
"""
