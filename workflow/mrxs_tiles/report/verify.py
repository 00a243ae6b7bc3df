"""The command ``verify``: whether every file of some results is there, whole and itself.

By what the records and tables say, relative to the folder, so a copy of it anywhere is looked at
in the same way. No slide is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mrxs_tiles.cutting import publishing
from mrxs_tiles.errors import ResultsError, printable, some_of
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import REPORT_LOCK, RUN_LOCK, SURVEY_LOCK
from mrxs_tiles.files.tile_folder import TILES
from mrxs_tiles.files.whole import Look, check_file, sum_known
from mrxs_tiles.names import RESERVED, name_fault, slide_id
from mrxs_tiles.report.carried import carried_before, is_known, of_slide
from mrxs_tiles.report.pictures import FOLDER, is_ours
from mrxs_tiles.report.report import read_report
from mrxs_tiles.report.verify_slide import Found, verify_slide

MOST_NAMED = 10  # files in one line
FAILED = "failed"
LOCKS = {REPORT_LOCK, RUN_LOCK, SURVEY_LOCK}
# By any of these a folder is that of a slide.
OF_A_SLIDE = {
    *(manifest.SLIDE_JSON, manifest.TILES_JSON, manifest.TILES_TSV, manifest.COORDINATES_TSV),
    *(TILES, publishing.ASIDE),
}


@dataclass(slots=True)
class Verified:
    """What was found of all slides, and of what lies beside them."""

    slides: list[Found]
    look: Look = field(default_factory=Look)  # of the report
    said: list[str] = field(default_factory=list)  # of the report, in sentences
    others: list[str] = field(default_factory=list)  # files that are not ours

    @property
    def harmed(self) -> list[Found]:
        """The slides with which something is wrong."""
        return [found for found in self.slides if not found.is_whole]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.harmed and self.look.is_whole and not self.said


def verify(results: Path, threads: int | None = None) -> Verified:
    """Look at all files; nothing is changed.

    Args:
        results: the folder, or a copy of it.
        threads: how many slides are looked at at the same time; None: as suits this machine.

    Raises:
        ResultsError: no slide is there.
    """
    told = Verified([])
    names = sorted({*_slide_folders(results, told.others)})
    if not names:
        raise ResultsError(
            f"{results} holds no slide's results: name the folder that was given as results."
        )
    with ThreadPoolExecutor(threads or min(8, 2 * (os.cpu_count() or 1))) as pool:
        sheets = _sheets(results, names)
        told.slides += pool.map(lambda name: verify_slide(results, name, sheets.get(name)), names)
    for found in told.slides:
        told.others += found.others
    told.others.sort()
    _check_run(results, told)
    _check_report(results, told)
    return told


def _slide_folders(results: Path, others: list[str]) -> Iterator[str]:
    """The names of all slides; what else lies there goes to ``others``."""
    for folder, below, files in os.walk(results):
        place = Path(folder).relative_to(results).as_posix()
        at = "" if place == "." else f"{place}/"
        if at and OF_A_SLIDE & {*files, *below}:
            below.clear()
            yield place
            continue
        if not at:
            below[:] = [name for name in below if name not in RESERVED]
            files = [name for name in files if name not in {*RESERVED, *LOCKS}]
        others += (f"{at}{name}" for name in files)


def _sheets(results: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """What the sheet carries for each slide of which the report knows it."""
    carried = carried_before(results) or {}
    return {name: of_slide(carried, name) for name in names if is_known(carried, name)}


def _check_run(results: Path, told: Verified) -> None:
    """Look at what ``run.json`` knows: the report's files, and each slide's record."""
    path = results / manifest.RUN_JSON
    there = {f"{FOLDER}/{name}" for name in _pictures(results)}
    if not path.exists():
        if (results / manifest.CRATE_JSON).exists():
            told.look.missing.append(path.name)
        return  # results of before, or of which no report was made
    told.look.files += 1
    try:
        record = manifest.read_record(path)
    except ResultsError:
        record = {}
    if not manifest.is_sealed(record, path):
        told.look.changed.append(path.name)
        return
    known = {slide["slide"]: slide["record"] for slide in record["slides"]}
    # of slides that were cut since then: their jobs have made their pictures, the report is to come
    later = [
        one.slide
        for one in told.slides
        if one.records and (was := known.get(one.slide, "none")) and was not in one.records
    ]
    theirs = tuple(f"{FOLDER}/{slide_id(slide)}-" for slide in later)
    tables = {name: one for name, one in sum_known(record["tables"]).items() if name != path.name}
    for name, crc32 in tables.items():
        if not name.startswith(theirs):
            check_file(told.look, results / name, name, crc32, None)
    told.look.superfluous += sorted(
        name for name in there - tables.keys() if not name.startswith(theirs)
    )
    for found in told.slides:
        told_of = known.get(found.slide)
        if found.is_whole and told_of and told_of not in found.records:
            told.said.append(
                f"{printable(found.slide)} was cut after the report was made, or is another run's: "
                "run mrxs-tiles report"
            )


def _pictures(results: Path) -> Iterator[str]:
    """The report's pictures that lie there."""
    with suppress(OSError), os.scandir(results / FOLDER) as entries:
        yield from (entry.name for entry in entries if is_ours(entry.name))


def _check_report(results: Path, told: Verified) -> None:
    """Compare ``report.tsv`` with what was counted of each slide."""
    if not (results / manifest.REPORT_TSV).exists():
        told.said.append(f"{manifest.REPORT_TSV} is not there: run mrxs-tiles report.")
        return
    rows = {row["slide"]: row for row in read_report(results)}
    if manifest.REPORT_TSV in told.look.changed:
        return  # it is told already
    if not rows:
        told.look.changed.append(manifest.REPORT_TSV)
        return
    found = {one.slide: one for one in told.slides}
    told.look.missing += [f"{name}/" for name in rows if name not in found and not name_fault(name)]
    for name, one in found.items():
        row = rows.get(name)
        if row is None or one.row is None or not one.look.is_whole or one.said:
            continue  # of another run; or it is told already
        said = row["status"]
        if said == FAILED:
            continue  # it could not be cut in that run, and results of an earlier one stay
        expected = one.row | ({"status": said} if said == manifest.KEPT else {})
        odd = [key for key, value in expected.items() if row[key] != value]
        if odd:
            told.said.append(
                f"{manifest.REPORT_TSV} is not what the tables say of {printable(name)}: "
                + ", ".join(f"{key} {row[key] or 'empty'}, not {expected[key]}" for key in odd)
            )


def lines(results: Path, told: Verified) -> list[str]:
    """What the command says: a line for each harmed slide, then the rest."""
    said = [f"{printable(one.slide)}: {'; '.join(_faults(one))}" for one in told.harmed]
    if faults := [*_of(told.look), *told.said]:
        said.append(f"beside the slides: {'; '.join(faults)}")
    if old := [one.slide for one in told.slides if one.is_old]:
        said.append(
            f"{len(old):,} slide{_s(old)} cut before all files had a checksum: of what has none, "
            f"only that it is there and its size were looked at ({_named(old)})"
        )
    if told.others:
        said.append(
            f"{len(told.others):,} other file{_s(told.others)} not ours: {_named(told.others)}"
        )
    looks = [
        told.look,
        *(look for one in told.slides for look in (one.look, one.exports, one.viewer)),
    ]
    files, size = sum(look.files for look in looks), sum(look.bytes for look in looks)
    count = len(told.slides)
    checked = f"{count:,} slide{_s(told.slides)}, {files:,} files, {size / 1e9:.3g} GB in {results}"
    if told.is_whole:
        return [*said, f"{checked}: all are there, whole and themselves"]
    return [*said, f"{checked}: {len(told.harmed):,} slide{_s(told.harmed)} not whole, see above"]


def _faults(found: Found) -> Iterator[str]:
    both = Look()
    both.add(found.look)
    both.add(found.exports)
    both.add(found.viewer)
    yield from _of(both)
    yield from found.said


def _of(look: Look) -> Iterator[str]:
    kinds = {"missing": look.missing, "changed": look.changed, "superfluous": look.superfluous}
    yield from (f"{len(names):,} {kind}: {_named(names)}" for kind, names in kinds.items() if names)


def _named(names: Sequence[str]) -> str:
    return some_of(names, MOST_NAMED)


def _s(some: Sequence[object]) -> str:
    return "" if len(some) == 1 else "s"
