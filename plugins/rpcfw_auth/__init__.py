"""
Who calls: credentials of clients, authenticators of servers, and the audit trail.
"""
