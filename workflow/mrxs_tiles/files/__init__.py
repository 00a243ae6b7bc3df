"""Bytes and tables on a disk: whole, locked, read back. Knows no slide.

Uses the package's errors and words alone.
"""
