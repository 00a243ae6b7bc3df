"""What the user asked for: the keys, the sheet, the slides. Opens no slide.

Uses ``grid`` and the rooms below it.
"""
