"""
Reading the configuration again while the process runs.
"""
