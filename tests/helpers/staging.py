"""What is said of a local disk to which slides are copied."""

from mrxs_tiles.files import scratch

MORE = "name another folder with stage, or set stage to null."
HERE = scratch.machine()
