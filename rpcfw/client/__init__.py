"""
Clients: channels, stubs, the call stack and the attempt stack.
"""
