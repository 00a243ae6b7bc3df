"""Results of many slides, made of those of a few: linked under other names, records edited."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mrxs_tiles.cutting import publish
from mrxs_tiles.files import manifest
from mrxs_tiles.steps import inspect as inspect_slide
from mrxs_tiles.system import link

LINKED = ("thumbnail.jpg", "tissue.png", "coordinates.tsv", "tiles.tsv", "tiles.png")


def with_files_of_its_own(folder: Path) -> None:
    """Make a slide's files its own, where `another` has linked them to the first slide's."""
    for path in [*folder.iterdir()]:
        copy = folder / "copy"
        if path.is_dir():
            shutil.copytree(path.resolve(), copy)
        else:
            shutil.copy(path, copy)
        if path.is_dir() and not path.is_symlink():  # where there are no links to folders
            shutil.rmtree(path)
        else:
            path.unlink()
        copy.rename(path)


def unfinished(source: Path, results: Path, names: Iterable[str]) -> Path:
    """Slides of which no report was made, each with files of its own, and one that failed."""
    for name in names:
        with_files_of_its_own(another(source, results, name))
    failed(results, "Y", "It cannot be opened.")
    return results


def another(source: Path, results: Path, name: str, tiled: Any = None, **inspected: Any) -> Path:
    """The results of a slide once more under another name; `tiled`, `inspected` are edits."""
    folder = results / name
    folder.mkdir(parents=True)
    for file in LINKED:
        if (source / file).exists():
            os.link(source / file, folder / file)
    link(source / "tiles", folder / "tiles")
    own = {"slide": name, "path": f"/slides/{name}.mrxs", "quickhash": f"that of {name}"}
    own["index_sha256"] = f"that of {name}"  # else all are copies of one
    _edit(source / manifest.SLIDE_JSON, folder / manifest.SLIDE_JSON, own | inspected)
    _edit(
        source / manifest.TILES_JSON, folder / manifest.TILES_JSON, {"slide": name} | (tiled or {})
    )
    return folder


def _edit(source: Path, target: Path, edits: dict[str, Any]) -> None:
    record = json.loads(source.read_text("utf-8"))
    for key, value in edits.items():
        record[key] = record[key] | value if isinstance(value, dict) else value
    target.write_text(json.dumps(record), "utf-8")


def failed(results: Path, name: str, error: str) -> Path:
    """The results of a slide that cannot be opened."""
    path = Path(f"/slides/{name}.mrxs")
    inspect_slide.write_failed(name, path, results, error)
    publish.write_failed(name, results, error)
    return results / name


def cohort(sources: list[Path], results: Path, slides: int, bad: int) -> None:
    """Many slides; every second of the `bad` ones failed, the others damaged; one keeps nothing.

    Areas and counts differ from slide to slide, and a few stand out.
    """
    dice = random.Random(1)  # noqa: S311 - the same slides in each run
    for number in range(slides):
        name = f"case {number // 40 + 1:02}/S{number:04}"
        source = sources[number % len(sources)]
        if number % (slides // bad) == 7 and number // (slides // bad) % 2:
            failed(results, name, f"S{number:04}.mrxs cannot be opened: Index.dat is missing.")
            continue
        tiled = json.loads((source / manifest.TILES_JSON).read_text("utf-8"))
        counts = dict(tiled["counts"])
        edits: dict[str, Any] = {"counts": counts}
        moved = min(counts["kept"], round(abs(dice.gauss(0, 0.08)) * counts["kept"]))
        if number == 3:  # nothing is kept
            moved = counts["kept"]
            edits["warnings"] = ["no tile was kept"]
        counts |= {"kept": counts["kept"] - moved, "blank": counts["blank"] + moved}
        if number % (slides // bad) == 7:
            lost = min(2, counts["kept"])
            counts |= {"kept": counts["kept"] - lost, "unreadable": lost}
            why = "Data0003.dat is missing (120 stored images lost). Copy the slide's folder again"
            edits |= {
                "status": "damaged",
                "error": f"{lost} of {counts['tiles']} tiles cannot be read: {why} and run again.",
            }
        area = dice.gauss(180, 25) * (2.4 if number % 97 == 11 else 1)
        another(
            source, results, name, edits, tissue_mm2=area, scanned_mm2=area * dice.gauss(2.5, 0.2)
        )
