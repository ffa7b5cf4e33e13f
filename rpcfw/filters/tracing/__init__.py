"""
Filters that have calls recorded by a tracer: for the call, for each attempt, for the served call.
"""
