"""One tile after another: read, judged, encoded, packed, published.

Uses ``inspecting`` and the rooms below it.
"""
