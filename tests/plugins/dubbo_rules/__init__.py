"""
The rules of Dubbo.
"""
