"""A cohort that holds side by side what people bring: slides, sheet, annotations."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import needs
from running import TINY, write

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 99\n"
# As Excel of half of Europe saves it: BOM, semicolons, decimal commas, empty columns and rows.
HEADER = "Path;slide;MPP;slide_mpp;magnification;Region;patient;;\r\n"
EARLIER = ("away", "cut short", "no folder", "old name")  # cut by a first run


def slide(folder: Path, name: str, seed: int, **keys: Any) -> Path:
    """A slide of its own, (276, 254) px."""
    return write(folder / f"{name}.mrxs", replace(TINY, seed=seed, **keys)).path


def _polygon(name: str | None, *points: tuple[int, int]) -> dict[str, Any]:
    properties = {} if name is None else {"classification": {"name": name}}
    geometry = {"type": "Polygon", "coordinates": [[*points, points[0]]]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _square(name: str | None, x: int, side: int) -> dict[str, Any]:
    return _polygon(name, (x, x), (x + side, x), (x + side, x + side), (x, x + side))


def _annotations(folder: Path) -> None:
    bow = _polygon("Tumor", (10, 10), (90, 90), (90, 10), (10, 90))
    line = {"type": "LineString", "coordinates": [[1, 1], [9, 9]]}
    for name, features in (
        ("drawn", [_square("Tumor", 0, 250), _square("Ignore*", 0, 150), bow]),
        ("lines", [{"type": "Feature", "geometry": line, "properties": {}}]),
    ):
        content = {"type": "FeatureCollection", "features": features}
        (folder / f"{name}.geojson").write_text(json.dumps(content))


def _ini(path: Path, old: str, new: str) -> None:
    ini = path.with_suffix("") / "Slidedat.ini"
    text = ini.read_bytes().decode("utf-8-sig")
    assert old in text
    ini.write_text(text.replace(old, new), "utf-8-sig", newline="")


def earlier(root: Path) -> Path:
    """The slides that a first run finds whole, and the sheet that names them."""
    for seed, name in enumerate(EARLIER, 1):
        slide(root / "slides", name, seed)
    rows = [f"slides/{name}.mrxs;;;;;;;;\r\n" for name in EARLIER]
    return _sheet(root, rows)


def later(root: Path) -> Path:
    """What has become of them, and all others; and the sheet that names them."""
    slides = root / "slides"
    shutil.move(slides / "away.mrxs", root / "unmounted.mrxs")
    shutil.move(slides / "away", root / "unmounted")
    shutil.rmtree(slides / "no folder")
    for data in (slides / "cut short").glob("Data*.dat"):
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    for suffix in (".mrxs", ""):
        (slides / f"old name{suffix}").rename(slides / f"new name{suffix}")
    _annotations(root)
    rows = [f"slides/{name};;;;;;;;\r\n" for name in ("away.mrxs", "cut short.mrxs")]
    rows += ["slides/no folder.mrxs;;;;;;;;\r\n", "slides/new name.mrxs;;;;;;;;\r\n"]
    for seed, (name, build) in enumerate(_KINDS.items(), 10):
        if name in LINKED and needs.missing("links"):
            continue
        rows.append(build(slides, name, seed) + "\r\n")
    rows += [";;;;;;;;\r\n", "\r\n"]
    return _sheet(root, rows)


def _sheet(root: Path, rows: list[str]) -> Path:
    path = root / "Kohorte 1.csv"
    path.write_bytes((HEADER + "".join(rows)).encode("utf-8-sig"))
    return path


Build = Callable[[Path, str, int], str]


def _plain(cells: str = ";;;;;;;", **keys: Any) -> Build:
    def build(slides: Path, name: str, seed: int) -> str:
        slide(slides, name, seed, **keys)
        return f"slides/{name}.mrxs{cells}"

    return build


def _harmed(harm: Callable[[Path], object], row: str = "slides/{}.mrxs;;;;;;;;") -> Build:
    def build(slides: Path, name: str, seed: int) -> str:
        harm(slide(slides, name, seed))
        return row.format(name)

    return build


def _data(path: Path, number: int = 0) -> Path:
    return path.with_suffix("") / f"Data{number:04}.dat"


def _unfetched(path: Path) -> None:
    _data(path).unlink()
    _data(path).symlink_to("../.git/annex/objects/x")


def _zipped(path: Path) -> None:
    shutil.make_archive(str(path.with_suffix("")), "zip", path.parent, path.stem)
    shutil.rmtree(path.with_suffix(""))


def _inside(path: Path) -> None:
    path.rename(path.with_suffix("") / path.name)


def _twin(path: Path) -> None:
    shutil.copy(path, path.with_stem("twin"))
    shutil.copytree(path.with_suffix(""), path.with_stem("twin").with_suffix(""))


def _other_form(path: Path) -> None:
    form = unicodedata.normalize("NFD", path.stem.upper())
    path.with_suffix("").rename(path.with_name(form))


def _case(path: Path) -> None:
    ini = path.with_suffix("") / "Slidedat.ini"
    ini.rename(ini.with_name("SLIDEDAT.INI"))


LINKED = ("not fetched",)
_KINDS: dict[str, Build] = {
    "fine": _plain(),
    "a little coarse": _plain(mpp=(0.2525, 0.2525)),
    "20x or 40x": _plain(";;;;20;;P1;;", mpp=(0.2325, 0.2325)),
    "its own mpp": _plain(";;0,2325;;;;;;", mpp=(0.2325, 0.2325)),
    "scale of the sheet": _plain(";;;0,25;;;;;", mpp=("0", "0")),
    "no scale": _plain(mpp=("0", "0")),
    "drawn on": _plain(";;;;;drawn.geojson;;;"),
    "lines alone": _plain(";;;;;lines.geojson;;;"),
    "blöcke": _harmed(_other_form),
    "odd 50%20 #1?": _plain(),
    "Big.Suffix": _harmed(lambda path: path.rename(path.with_suffix(".MRXS"))),
    "twin of it": _harmed(_twin),
    "twin": lambda *_: "slides/twin.mrxs;;;;;;;;",
    "file lost": _harmed(lambda path: _data(path, 1).unlink()),
    "corrupt": _harmed(lambda path: _data(path).write_bytes(bytes(_data(path).stat().st_size))),
    "not fetched": _harmed(_unfetched),
    "pointer": _harmed(lambda path: (path.with_suffix("") / "Index.dat").write_bytes(LFS)),
    "jpeg xr": _harmed(lambda path: _ini(path, "IMAGE_FORMAT=JPEG", "IMAGE_FORMAT=JPEGXR")),
    "folder named": _harmed(lambda _: None, "slides/{};;;;;;;;"),
    "zipped": _harmed(_zipped),
    "inside": _harmed(_inside),
    "file forgotten": _harmed(Path.unlink),
    "ini in capitals": _harmed(_case),
    "windows": lambda *_: "D:\\slides\\windows.mrxs;;;;;;;;",
    "never there": lambda *_: "slides/never there.mrxs;;;;;;;;",
}
