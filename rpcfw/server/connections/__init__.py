"""
The connections of a server: limits, age, pings.
"""
