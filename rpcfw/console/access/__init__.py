"""
Who may do what at the console: passwords, sessions, roles, and the limits of attempts to log in.
"""
