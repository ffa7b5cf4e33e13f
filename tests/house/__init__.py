"""
What holds for the whole house, whoever wrote the room.
"""
