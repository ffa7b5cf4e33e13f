"""
Tracers: what records the steps of calls.
"""
