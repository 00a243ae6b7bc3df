"""The cohort: its tables, its page, and ``load``, which reads them back.

Uses ``steps`` and the rooms below it.
"""
