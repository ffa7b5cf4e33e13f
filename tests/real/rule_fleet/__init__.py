"""
Many consumers that follow rules, through a registry that fails.
"""
