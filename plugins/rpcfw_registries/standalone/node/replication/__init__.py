"""
Several registry servers as one: each has a copy of all registrations.
"""
