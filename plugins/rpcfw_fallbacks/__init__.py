"""
Answers for calls that failed.
"""
