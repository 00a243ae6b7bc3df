"""What became of a slide's tiles, in one record: ``tiles.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.errors import PassingError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.made_by import FIELD, made_by
from mrxs_tiles.mirax.damage import COPY_AGAIN
from mrxs_tiles.mirax.unchanged import CHECK_DISK

Fates = Mapping[Address, Fate]


def tile_record(
    slide: str, status: str, error: str, warnings: list[str], unlisted: int, fates: Fates
) -> Record:
    """What ``tiles.json`` holds; ``unlisted`` tiles were known to be unscanned."""
    reasons = Counter(fate.reason for fate in fates.values() if not fate.kept)
    reasons["unscanned"] += unlisted
    kept = sum(fate.kept for fate in fates.values())
    if status == "ok" and not kept:
        warnings = [*warnings, "no tile was kept"]
    return {
        "slide": slide,
        "status": status,
        "error": error,
        "warnings": warnings,
        "counts": {
            "tiles": len(fates) + unlisted,
            "kept": kept,
            **{reason: reasons[reason] for reason in manifest.REASONS},
        },
        "tile_bytes": sum(fate.bytes or 0 for fate in fates.values()),
        FIELD: made_by("tile"),
    }


def failed_record(slide: str, error: str) -> Record:
    """What ``tiles.json`` holds for a slide of which nothing can be cut."""
    return tile_record(slide, "failed", error, [], 0, {})


def is_counted(record: Record) -> bool:
    """Whether a record that is there, and what it holds of an earlier run, counts as ours do."""
    for one in (record, record.get("earlier", record)):
        counts = one.get("counts") if isinstance(one, dict) else None
        if not isinstance(counts, dict) or not isinstance(one.get("status"), str):
            return False
        if "tiles" not in counts or not all(isinstance(count, int) for count in counts.values()):
            return False
    return True


def status_of(fates: Fates) -> str:
    """``ok``, ``damaged`` or ``failed``, by the tiles that had to be read."""
    read = [fate for fate in fates.values() if fate.reason not in manifest.UNREAD]
    unreadable = sum(fate.reason == "unreadable" for fate in read)
    if not unreadable:
        return "ok"
    return "failed" if unreadable == len(read) else "damaged"


def error_of(fates: Fates, tiles: int, why: Iterable[SlideError]) -> str:
    """The sentence on those of so many tiles that cannot be read.

    "" where all can; ``why`` is not asked then.
    """
    unreadable = sum(fate.reason == "unreadable" for fate in fates.values())
    if not unreadable:
        return ""
    errors = list(why)
    passing = any(isinstance(error, PassingError) for error in errors)
    return f"{unreadable} of {tiles} tiles cannot be read: {'; '.join(map(str, errors))}. " + (
        CHECK_DISK if passing else f"{COPY_AGAIN} and run again: only this slide is cut again."
    )
