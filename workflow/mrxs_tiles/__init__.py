"""Cut MIRAX whole-slide images into tiles, with a manifest that accounts for every tile."""

__version__ = "0.1.0"
