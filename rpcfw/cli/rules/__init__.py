"""
The commands that read and change rules.
"""
