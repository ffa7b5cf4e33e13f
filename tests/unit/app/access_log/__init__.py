"""
The parts of the access log.
"""
