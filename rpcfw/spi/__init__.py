"""
The interfaces (seams) of plugins, and of users' services.

One abstract class to a file, its contract in the docstring; the suites in
`rpcfw.testing.contracts` are these contracts as programs. Nothing here knows a
registry, a wire or a policy.
"""
