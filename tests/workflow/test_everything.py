"""All that people bring, in one run of the real workflow: one summary that can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from everything import EARLIER, LINKED, earlier, later
from needs import missing
from running import snakemake, table, tree

pytestmark = pytest.mark.slow

# What is said of each bad slide: enough to know what to do.
BAD = {
    "away": "(kept): Not there now; results of an earlier run kept: away.mrxs does not exist",
    "corrupt": "(failed): 16 of 16 tiles cannot be read: the stored image at byte",
    "cut short": "(kept): Not there now; results of an earlier run kept: cut short.mrxs cannot be",
    "file forgotten": "(failed): file forgotten.mrxs does not exist, but its data folder",
    "file lost": "(failed): file lost.mrxs cannot be opened: Data0001.dat, which holds the camera",
    "folder named": "(failed): folder named is the data folder of a slide, not its file. Name the",
    "ini in capitals": "(failed): Slidedat.ini of ini in capitals.mrxs is missing: 'SLIDEDAT.INI'",
    "inside": "(failed): inside.mrxs lies inside its own data folder 'inside'. Move it one folder",
    "jpeg xr": "(failed): jpeg xr.mrxs cannot be read: its images are JPEGXR",
    "lines alone": "(failed): The region 'lines.geojson' holds no usable polygon (passed over",
    "never there": "(failed): never there.mrxs does not exist. Check the path",
    "no folder": "(kept): Not there now; results of an earlier run kept: The folder 'no folder' is",
    "no scale": "(failed): mpp 0.25 was asked for, but the slide does not say how many µm its px",
    "not fetched": "(failed): 16 of 16 tiles cannot be read: Data0000.dat is missing: it is a link",
    "pointer": "(failed): pointer.mrxs cannot be opened: Index.dat is a pointer of Git LFS",
    "windows": '(failed): Slide "windows": its path "D:\\\\slides\\\\windows.mrxs" is a path of',
    "zipped": "(failed): The folder 'zipped' is missing beside zipped.mrxs, but there is zipped.z",
}
OK = (
    *("20x or 40x", "Big.Suffix", "a little coarse", "blöcke", "drawn on", "fine", "its own mpp"),
    *("new name", "odd 50%20 #1?", "scale of the sheet", "twin", "twin of it"),
)
# Of slides that are cut, though something may have been meant otherwise.
WARNED = (
    "  20x or 40x: magnification 20 is counted from the objective, 20x, but px of 0.2325 µm are",
    "  a little coarse: mpp 0.25 is finer than the slide's own px, 0.2525 x 0.2525 µm, by 1 %",
    "  drawn on: The region 'drawn.geojson': 1 polygon was repaired: 3 (self-intersection",
    "  its own mpp: the sheet's mpp, 0.2325 µm per px, is about this slide's own scale of 0.2325",
)


def test_everything_at_once(tmp_path: Path) -> None:
    """Each slide is cut, kept, or fails alone, and the last lines say of each which and why."""
    config: dict[str, Any] = {"slides": earlier(tmp_path), "mpp": 0.25, "tile_size": 64}
    work, results = tmp_path / "work", tmp_path / "work" / "results"
    assert snakemake(work, **config).code == 0
    before = {name: tree(results / name) for name in EARLIER}
    later(tmp_path)
    ran = snakemake(work, **config, carry="[patient]")
    assert ran.code == 1
    rows = {row["slide"]: row for row in table(results / "report.tsv")}
    status = {name: row["status"] for name, row in rows.items()}
    bad = {name: said for name, said in BAD.items() if name not in LINKED or not missing("links")}
    assert status == {name: said[1:].split(")")[0] for name, said in bad.items()} | dict.fromkeys(
        OK, "ok"
    )
    assert rows["20x or 40x"]["patient"] == "P1"
    assert 4 < int(rows["drawn on"]["kept"]) < 16, "Ignore* is cut out"
    for name in ("away", "no folder", "old name"):
        assert tree(results / name) == before[name]
    tiles = {name: content for name, content in before["cut short"].items() if "tiles/" in name}
    assert tiles
    assert tree(results / "cut short").items() >= tiles.items()
    lines = ran.err[ran.err.index(f"{12 + len(bad)} slides: 12 ok, {len(bad)} bad") :].splitlines()
    lines = lines[: next(at for at, line in enumerate(lines) if line.startswith("page: ")) + 1]
    assert lines[2].startswith("The tiles have different scales: 0.2325 µm per px (2 slides: 20x")
    for start in (*WARNED, *(f"  {name} {said}" for name, said in bad.items())):
        assert len([line for line in lines if line.startswith(start)]) == 1, start
    assert '  twin is the same slide, by its quickhash, as "twin of it"' in lines
    assert any("that this run does not name: old name" in line for line in lines)
    assert len(lines) < 45
    assert max(map(len, lines)) < 400
