"""
What is written for the definitions beside this folder.
"""
