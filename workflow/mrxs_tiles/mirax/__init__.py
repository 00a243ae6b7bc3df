"""How a MIRAX slide is stored, our own reader of it, its proof, its damage.

Uses ``exports`` and the rooms below it.
"""
