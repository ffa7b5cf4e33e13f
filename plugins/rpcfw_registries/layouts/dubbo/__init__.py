"""
The layout of Apache Dubbo: instances as URLs, which its consumers and providers read and write.
"""
