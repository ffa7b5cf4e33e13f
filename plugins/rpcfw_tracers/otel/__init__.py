"""
The tracer ``otel``: OpenTelemetry.
"""
