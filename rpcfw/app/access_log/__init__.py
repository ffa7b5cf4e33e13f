"""
The access log: its options, its lines, and the thread that writes them.
"""
