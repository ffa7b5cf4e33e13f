"""
The rules of Apache Dubbo: documents in its config centre, and a router that follows them.
"""
