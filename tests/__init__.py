"""
The tests: a folder for each way of looking.
"""
