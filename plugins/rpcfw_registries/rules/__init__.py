"""
Rules in any place that keeps records: what is written there, and the seam of the place.
"""
