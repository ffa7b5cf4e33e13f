"""
What holds for whatever input, searched for by Hypothesis.
"""
