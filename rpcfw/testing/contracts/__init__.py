"""
What each seam promises, as suites that any plugin can run.
"""
