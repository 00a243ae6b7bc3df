"""A slide as OpenSlide gives it, and what is seen of it as a whole.

Uses ``pixels`` and the rooms below it.
"""
