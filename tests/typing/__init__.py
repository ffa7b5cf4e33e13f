"""
Never run, only type-checked: the public door as users write to it.
"""
