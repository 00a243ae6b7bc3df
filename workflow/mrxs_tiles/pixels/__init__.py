"""Arrays in, numbers or bytes out: blank, tissue, focus, pen, codecs. Knows no slide.

Uses ``config`` and the rooms below it.
"""
