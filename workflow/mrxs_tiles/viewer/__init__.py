"""The zoomable page of a slide and its pictures.

Uses ``cutting`` and the rooms below it.
"""
