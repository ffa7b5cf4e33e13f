"""
What several places need that say who may do what, and write down who did.
"""
