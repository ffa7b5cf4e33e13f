"""
Services that show a process to tools.
"""
