"""
What runs in every process, each part by itself.
"""
