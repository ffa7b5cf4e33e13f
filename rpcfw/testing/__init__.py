"""
The test kit for users and plugin authors; this project's own tests use it too.
"""
