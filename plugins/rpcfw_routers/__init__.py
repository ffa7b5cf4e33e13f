"""
Routers: which nodes a call may use.
"""
