"""
grpcio's generated code over this framework.
"""
