"""
From what a provider in Java publishes of an interface to a Python module.

Dubbo keeps this definition in its metadata report. It comes from outside: each name in it is
checked to be one that Java allows before anything is written.
"""
