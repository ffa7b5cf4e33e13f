"""
The admin port of one process: an HTTP server for pages that show it.
"""
