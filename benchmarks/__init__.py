"""
What rpcfw costs, beside its peers, in one run on one machine.

``python -m benchmarks unary --json FILE``. Each server is a process on one core and
each client a process on another, so that a figure is of one side alone. The figures
that count are ratios of one run: a machine's own are another machine's noise.
"""
