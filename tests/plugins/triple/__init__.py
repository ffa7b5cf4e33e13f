"""
The Dubbo wire machine.
"""
