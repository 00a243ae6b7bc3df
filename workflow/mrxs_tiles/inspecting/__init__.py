"""What is known of one slide before it is cut: its grid, its tissue, its cost.

Uses ``mirax`` and the rooms below it.
"""
