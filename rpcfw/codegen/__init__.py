"""
Services from Protobuf descriptors: written as text for protoc, or made at run time.
"""
