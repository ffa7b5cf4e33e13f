"""
Metrics of a process for backends: Prometheus fetches them, or OTLP sends them.
"""
