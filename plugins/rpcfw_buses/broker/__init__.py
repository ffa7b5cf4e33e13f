"""
What buses have in common that are carried by a broker: a server of somebody else's.
"""
