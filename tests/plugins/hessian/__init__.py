"""
The Hessian library.
"""
