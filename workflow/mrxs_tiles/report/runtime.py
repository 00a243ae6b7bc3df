"""The table ``runtime.tsv``: what each step of each slide took, beside what it had to do.

From the benchmark files that Snakemake writes, so it alone differs from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import remove_files
from mrxs_tiles.names import name_fault

# These stand here and not in `manifest`, on which the digests of `inspect` and `tile` depend.
RUNTIME_TSV = "runtime.tsv"
STEPS = ("inspect", "tile")
# Those that a slide may have besides, and the record that says that it has.
OTHERS = {"viewer": manifest.VIEWER_JSON, "export": manifest.EXPORTS_JSON}
RUNTIME = (
    *("slide", "step", "seconds", "cpu_seconds", "peak_mb", "read_mb", "written_mb"),
    *("pixels", "scanned_pixels", "tiles", "kept"),
)

MIB = 1.048576  # MB
# Snakemake's names of what it sees when it looks at a running job, and MB or seconds per unit.
LOOKED_AT = {
    "cpu_seconds": ("cpu_time", 1.0),
    "peak_mb": ("max_rss", MIB),
    "read_mb": ("io_in", MIB),
    "written_mb": ("io_out", MIB),
}


def renew_runtime(results: Path, rows: Iterable[Record], benchmarks: Path | None) -> None:
    """Write ``runtime.tsv``; without benchmark files remove it, since it tells of another run.

    Args:
        results: where everything goes.
        rows: those of ``report.tsv``.
        benchmarks: the folder that holds ``{slide}/{step}.benchmark.tsv``. What is missing
            there, or cannot be read, is an empty field.

    Raises:
        ResultsError: the table cannot be written, or not be removed.
    """
    path = results / RUNTIME_TSV
    if benchmarks is None:
        remove_files(path)
    else:
        table = _table(results, rows, benchmarks)
        manifest.write_table(path, RUNTIME, ([row[name] for name in RUNTIME] for row in table))


def _table(results: Path, rows: Iterable[Record], benchmarks: Path) -> Iterator[Record]:
    for row in rows:
        slide = row["slide"]
        others = [] if name_fault(slide) else _others(results / slide)
        for step in (*STEPS, *others):
            measured = _measured(benchmarks / slide / f"{step}.benchmark.tsv")
            yield {"slide": slide, "step": step, **measured, **_size(row)}


def _others(folder: Path) -> list[str]:
    return [step for step, record in OTHERS.items() if (folder / record).is_file()]


def _size(row: Record) -> Record:
    """How large a slide is, from its row of ``report.tsv``; None where that is not known."""
    size: Record = {"pixels": None, "scanned_pixels": None}
    if row["width"] is not None:
        size["pixels"] = row["width"] * row["height"]
    if row["scanned_mm2"] is not None:
        scanned = row["scanned_mm2"] * 1e6 / (row["mpp_x"] * row["mpp_y"])
        # the area is counted in coarse px, which may stand over the slide's edge
        size["scanned_pixels"] = min(round(scanned), size["pixels"])
    return {**size, "tiles": row["tiles"], "kept": row["kept"]}


def _measured(path: Path) -> Record:
    """What a benchmark file says; None what it does not."""
    said = _read(path)
    measured: Record = {name: _number(said.get(of), unit) for name, (of, unit) in LOOKED_AT.items()}
    # No CPU time yet: Snakemake looked once, before Python had started, and not again.
    if not measured["cpu_seconds"]:
        measured = dict.fromkeys(LOOKED_AT)
    return {"seconds": _number(said.get("s"), 1.0), **measured}


def _read(path: Path) -> dict[str, str]:
    """The last row of a benchmark file; empty where it is missing, garbled or cut short."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):  # ValueError: no UTF-8, or a name that no file can have
        return {}
    header, *rows = (line.split("\t") for line in text.split("\n"))
    # what ends without a newline may have lost digits: the last piece is empty in a whole file
    if len(rows) < 2 or rows[-1] != [""] or len(rows[-2]) != len(header):
        return {}
    return dict(zip(header, rows[-2], strict=True))


def _number(text: str | None, unit: float) -> float | None:
    """A number from 0 on; None for what is none, as Snakemake's NA and -."""
    try:
        number = float(text or "") * unit
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
