"""What was drawn on a slide: reading annotation files, and how much of each tile they cover.

Uses ``grid`` and the rooms below it.
"""
