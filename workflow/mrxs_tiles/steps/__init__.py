"""What a user starts. Each step reads as a table of contents of the rooms below.

Uses ``viewer`` and the rooms below it.
"""
