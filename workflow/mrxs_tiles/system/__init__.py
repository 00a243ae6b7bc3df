"""What differs between systems, chosen here once: no other module asks which one it is on.

Locks, reading at a place of a file, links, putting a file in another's place, waiting until it is
on the disk, whose a file is, the signals that end a process. Windows has no ``fcntl`` and no
``pread``, removes and renames nothing that is open, and makes links only for whom it is permitted.
"""

import sys

if sys.platform == "win32":
    from mrxs_tiles.system.windows import (
        BACKSLASH_DIVIDES,
        LINK_ADVICE,
        OPEN_BINARY,
        OPEN_NO_LINK,
        STOP_SIGNALS,
        TEMP_VARIABLE,
        flush_below,
        flush_file,
        flush_folder,
        has_no_reader,
        is_in_use,
        is_mine,
        link,
        lock,
        longest_path,
        most_open_files,
        patiently,
        read_at,
        remove,
        remove_locked,
        replace,
    )
else:
    from mrxs_tiles.system.posix import (
        BACKSLASH_DIVIDES,
        LINK_ADVICE,
        OPEN_BINARY,
        OPEN_NO_LINK,
        STOP_SIGNALS,
        TEMP_VARIABLE,
        flush_below,
        flush_file,
        flush_folder,
        has_no_reader,
        is_in_use,
        is_mine,
        link,
        lock,
        longest_path,
        most_open_files,
        patiently,
        read_at,
        remove,
        remove_locked,
        replace,
    )

__all__ = [
    "BACKSLASH_DIVIDES",
    "LINK_ADVICE",
    "OPEN_BINARY",
    "OPEN_NO_LINK",
    "STOP_SIGNALS",
    "TEMP_VARIABLE",
    "flush_below",
    "flush_file",
    "flush_folder",
    "has_no_reader",
    "is_in_use",
    "is_mine",
    "link",
    "lock",
    "longest_path",
    "most_open_files",
    "patiently",
    "read_at",
    "remove",
    "remove_locked",
    "replace",
]
