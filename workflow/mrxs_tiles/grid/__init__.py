"""Addresses, places, sizes and regions of tiles: pure arithmetic, no pixel.

Uses ``files`` and the rooms below it.
"""
