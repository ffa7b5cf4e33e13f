"""
The parts of the benchmarks that only count.
"""
