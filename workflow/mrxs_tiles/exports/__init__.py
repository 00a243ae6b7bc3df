"""A slide's tables as other programs read them, one module a program. No pixels.

Uses ``slide`` and the rooms below it.
"""
