"""Kinds of harm done to results, each with what must be said of it."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

LOOSE, PACKED, VIEWED, FAILED = "a", "sub/b", "c", "bad"
SHARD = "tiles/sub_x2F_b-000000.tar"
TABLES = (
    *("slide.json", "coordinates.tsv", "thumbnail.jpg", "tissue.png"),
    *("tiles.tsv", "tiles.png", "tiles.json"),
)
Harm = Callable[[Path], None]


def flip(name: str, at: float = 0.5) -> Harm:
    """One bit of a file, somewhere between its beginning (0) and its end (1)."""

    def harm(results: Path) -> None:
        path = results / name
        content = bytearray(path.read_bytes())
        content[int(at * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    return harm


def flip_byte(name: str, at: int) -> Harm:
    """One bit at a place."""
    return lambda results: write_at(results / name, at)


def write_at(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(name: str, less: int = 1) -> Harm:
    """A file that lost its last bytes; 0: all."""

    def harm(results: Path) -> None:
        content = (results / name).read_bytes()
        (results / name).write_bytes(content[: len(content) - less] if less else b"")

    return harm


def grow(name: str) -> Harm:
    def harm(results: Path) -> None:
        (results / name).write_bytes((results / name).read_bytes() + b"\0")

    return harm


def lose(name: str) -> Harm:
    def harm(results: Path) -> None:
        path = results / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return harm


def add(name: str, content: bytes = b"x") -> Harm:
    def harm(results: Path) -> None:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_bytes(content)

    return harm


def swap(one: str, other: str) -> Harm:
    def harm(results: Path) -> None:
        first, second = (results / one).read_bytes(), (results / other).read_bytes()
        (results / one).write_bytes(second)
        (results / other).write_bytes(first)

    return harm


def folder_for(name: str) -> Harm:
    def harm(results: Path) -> None:
        (results / name).unlink()
        (results / name).mkdir()

    return harm


def replace(name: str, old: str, new: str) -> Harm:
    def harm(results: Path) -> None:
        text = (results / name).read_text("utf-8")
        assert old in text
        (results / name).write_text(text.replace(old, new, 1), "utf-8")

    return harm


def without_row(name: str) -> Harm:
    def harm(results: Path) -> None:
        lines = (results / name).read_text("utf-8").splitlines(keepends=True)
        (results / name).write_text("".join(lines[:-1]), "utf-8")

    return harm


def of_another_run(*names: str) -> Harm:
    """Files of the first slide as a run with other settings has made them."""

    def harm(results: Path) -> None:
        for name in names:
            shutil.copy2(results.parent / "another" / LOOSE / name, results / LOOSE / name)

    return harm


def a_slide_of_another_run(results: Path) -> None:
    shutil.rmtree(results / LOOSE)
    shutil.copytree(results.parent / "another" / LOOSE, results / LOOSE)


Members = list[tuple[str, bytes]]


def repacked(change: Callable[[Members], Members]) -> Harm:
    """A shard written anew, a plain tar as before, with other members."""

    def harm(results: Path) -> None:
        path = results / PACKED / SHARD
        with tarfile.open(path) as archive:
            read = [(info, archive.extractfile(info)) for info in archive]
            members = [(info.name, stream.read()) for info, stream in read if stream]
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, body in change(members):
                info = tarfile.TarInfo(name)
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
        # tarfile fills up to 20 blocks
        path.write_bytes(content.getvalue().rstrip(b"\0").ljust(_end(change(members)), b"\0"))

    return harm


def _end(members: Members) -> int:
    return sum(512 + -(-len(body) // 512) * 512 for _, body in members) + 1024


def _swapped(members: Members) -> Members:
    one, first = members[0]
    at = next(i for i in range(2, len(members), 2) if members[i][1] != first)
    other, second = members[at]
    return [(one, second), *members[1:at], (other, first), *members[at + 1 :]]


def _reworded(members: Members) -> Members:
    name, body = members[1]
    row = json.loads(body)
    row["sheet"]["stain"] = "other"
    return [members[0], (name, json.dumps(row, separators=(",", ":")).encode()), *members[2:]]


def _rerowed(members: Members) -> Members:
    name, body = members[1]
    row = json.loads(body)
    row["tissue"] = 0.125
    return [members[0], (name, json.dumps(row, separators=(",", ":")).encode()), *members[2:]]


def _said(harm: Harm, *said: str) -> tuple[Harm, tuple[str, ...]]:
    return harm, said


TILE, OTHER = f"{LOOSE}/tiles/3_4.jpg", f"{LOOSE}/tiles/3_5.jpg"
IN_TILES = {
    "first bit flipped": _said(flip(TILE, 0), "a: 1 changed: tiles/3_4.jpg"),
    "bit flipped": _said(flip(TILE), "a: 1 changed: tiles/3_4.jpg"),
    "last bit flipped": _said(flip(TILE, 1), "a: 1 changed: tiles/3_4.jpg"),
    "cut by a byte": _said(cut(TILE), "a: 1 changed: tiles/3_4.jpg"),
    "empty": _said(cut(TILE, 0), "a: 1 changed: tiles/3_4.jpg"),
    "a byte longer": _said(grow(TILE), "a: 1 changed: tiles/3_4.jpg"),
    "missing": _said(lose(TILE), "a: 1 missing: tiles/3_4.jpg"),
    "two swapped": _said(swap(TILE, OTHER), "a: 2 changed: tiles/3_4.jpg, tiles/3_5.jpg"),
    "a folder": _said(folder_for(TILE), "a: 1 changed: tiles/3_4.jpg"),
    "one too many": _said(add(f"{LOOSE}/tiles/99_0.jpg"), "a: 1 superfluous: tiles/99_0.jpg"),
    "tiles missing": _said(lose(f"{LOOSE}/tiles"), "missing: tiles/0_4.jpg, ", " more"),
    "a tile of a failed slide": _said(add("bad/tiles/0_0.jpg"), "bad: 1 superfluous: tiles/0_0"),
}
IN_TABLES = {
    f"{name} {kind}": _said(harm(f"{LOOSE}/{name}"), f"a: 1 {said}: {name}")
    for name in TABLES
    for kind, harm, said in (
        ("flipped", flip, "changed"),
        ("missing", lose, "missing"),
        ("cut", cut, "changed"),
    )
} | {
    "tiles.tsv of another run": _said(of_another_run("tiles.tsv"), "a: 1 changed: tiles.tsv"),
    "records of another run": _said(
        of_another_run("tiles.tsv", "tiles.json", "slide.json"), "a: ", "tiles/0_4.jpg"
    ),
    "a row less": _said(without_row(f"{LOOSE}/tiles.tsv"), "a: 1 changed: tiles.tsv"),
    "no JSON": _said(add(f"{LOOSE}/tiles.json", b"{"), "a: 1 changed: tiles.json"),
    "a list": _said(add(f"{LOOSE}/tiles.json", b"[]"), "a: 1 changed: tiles.json"),
    "status edited": _said(
        replace(f"{LOOSE}/tiles.json", '"status": "ok"', '"status": "okay"'), "changed: tiles.json"
    ),
    "counts edited": _said(
        replace(f"{LOOSE}/tiles.json", '"kept": ', '"kept": 1'), "changed: tiles.json"
    ),
    "a failed slide's error": _said(replace("bad/tiles.json", "exist", "exit"), "bad: 1 changed"),
    "a slide's path is another": _said(replace(f"{LOOSE}/slide.json", '"mpp_x"', '"mpp_z"'), "1"),
}
PICTURE = f"{SHARD}#sub_x2F_b_6_0.jpg"
ROW = f"{SHARD}#sub_x2F_b_6_0.json"
PACKED_SHARD = f"{PACKED}/{SHARD}"
IN_SHARDS = {
    "picture flipped": _said(flip_byte(PACKED_SHARD, 700), f"sub/b: 1 changed: {PICTURE}"),
    "header flipped": _said(flip_byte(PACKED_SHARD, 3), f"sub/b: 1 changed: {SHARD}"),
    "time in a header": _said(flip_byte(PACKED_SHARD, 140), f"sub/b: 1 changed: {SHARD}"),
    "end flipped": _said(flip(PACKED_SHARD, 1), f"sub/b: 1 changed: {SHARD}"),
    "shard cut": _said(cut(PACKED_SHARD), f"sub/b: 1 changed: {SHARD}"),
    "shard cut in half": _said(cut(PACKED_SHARD, 5000), f"changed: {SHARD}"),
    "shard longer": _said(grow(PACKED_SHARD), f"sub/b: 1 changed: {SHARD}"),
    "shard missing": _said(lose(PACKED_SHARD), f"sub/b: 1 missing: {SHARD}"),
    "shard too many": _said(add(f"{PACKED}/tiles/sub_x2F_b-000009.tar"), "superfluous: tiles/sub"),
    "written anew": _said(repacked(lambda members: members)),
    "members swapped": _said(repacked(_swapped), "sub/b: 2 changed: ", PICTURE),
    "a picture less": _said(repacked(lambda members: members[1:]), f"1 missing: {PICTURE}"),
    "a row's JSON less": _said(
        repacked(lambda members: [members[0], *members[2:]]), f"1 missing: {ROW}"
    ),
    "a member more": _said(
        repacked(lambda members: [*members, ("x.jpg", b"x")]), f"1 superfluous: {SHARD}#x.jpg"
    ),
    "another order": _said(
        repacked(lambda members: [*members[2:], *members[:2]]), f"sub/b: 1 changed: {SHARD}"
    ),
    "a row is another": _said(repacked(_rerowed), f"sub/b: 1 changed: {ROW}"),
    "a sheet's cell is another": _said(repacked(_reworded), f"sub/b: 1 changed: {ROW}"),
}
BESIDE = {
    "clam flipped": _said(flip(f"{LOOSE}/clam.h5"), "a: 1 changed: clam.h5"),
    "qupath cut": _said(cut(f"{LOOSE}/qupath.geojson"), "a: 1 changed: qupath.geojson"),
    "parquet missing": _said(lose(f"{LOOSE}/tiles.parquet"), "a: 1 missing: tiles.parquet"),
    "features flipped": _said(flip(f"{LOOSE}/features.h5"), "a: 1 changed: features.h5"),
    "exports.json flipped": _said(flip(f"{LOOSE}/exports.json"), "changed: exports.json"),
    "exports.json missing": _said(lose(f"{LOOSE}/exports.json"), "superfluous: clam.h5"),
    "an export too many": _said(add(f"{VIEWED}/clam.h5"), "c: 1 superfluous: clam.h5"),
    "heat map flipped": _said(
        flip(f"{LOOSE}/heatmap-score.png"), "a: 1 changed: heatmap-score.png"
    ),
    "heat map missing": _said(lose(f"{LOOSE}/heatmap-score.js"), "a: 1 missing: heatmap-score.js"),
    "heatmap.json flipped": _said(flip(f"{LOOSE}/heatmap.json"), "changed: heatmap.json"),
    "a heat map too many": _said(add(f"{VIEWED}/heatmap-x.png"), "c: 1 superfluous: heatmap-x.png"),
    "viewer.html flipped": _said(flip(f"{VIEWED}/viewer.html"), "c: 1 changed: viewer.html"),
    "viewer.json missing": _said(lose(f"{VIEWED}/viewer.json"), "c: ", "viewer_files"),
    "viewer's tile flipped": _said(
        flip(f"{VIEWED}/viewer_files/0/0_0.jpg"), "c: 1 changed: viewer_files/0/0_0.jpg"
    ),
    "viewer's tile missing": _said(
        lose(f"{VIEWED}/viewer_files/0/0_0.jpg"), "c: 1 missing: viewer_files/0/0_0.jpg"
    ),
    "viewer's tile too many": _said(
        add(f"{VIEWED}/viewer_files/0/9_0.jpg"), "c: 1 superfluous: viewer_files/0/9_0.jpg"
    ),
    "viewer's list flipped": _said(flip(f"{VIEWED}/viewer_files/files.tsv"), "c: 1 changed"),
    "a viewer too many": _said(add(f"{LOOSE}/viewer.html"), "a: 1 superfluous: viewer.html"),
    "a killed run's tiles": _said(
        add(f"{LOOSE}/.tiles.partial/0_0.jpg"), "superfluous: .tiles.partial/"
    ),
    "a killed run's record": _said(add(f"{LOOSE}/.tiles.json.partial"), "superfluous: .tiles.js"),
    "amid publishing": _said(add(f"{LOOSE}/.publishing"), "a: is to be cut again"),
    "a slide missing": _said(lose(LOOSE), "beside the slides: 1 missing: a/"),
    "report.tsv missing": _said(lose("report.tsv"), "report.tsv is not there"),
    "report.tsv torn": _said(cut("report.tsv", 40), "beside the slides: 1 changed: report.tsv"),
    "report.tsv flipped": _said(flip("report.tsv"), "beside the slides: 1 changed: report.tsv"),
    "the page flipped": _said(flip("report.html"), "beside the slides: 1 changed: report.html"),
    "run.json flipped": _said(flip("run.json"), "beside the slides: 1 changed: run.json"),
    "run.json missing": _said(lose("run.json"), "beside the slides: 1 missing: run.json"),
    "crate flipped": _said(flip("ro-crate-metadata.json"), "1 changed: ro-crate-metadata.json"),
    "a picture of the report too many": _said(
        add("report_files/0123456789abcdef-map.jpg"), "1 superfluous: report_files/0123456789ab"
    ),
    "a slide of another run": _said(a_slide_of_another_run, "a was cut after the report was made"),
}
HARMS = {
    f"{where}: {kind}": harm
    for where, kinds in (
        ("tiles", IN_TILES),
        ("tables", IN_TABLES),
        ("shards", IN_SHARDS),
        ("beside", BESIDE),
    )
    for kind, harm in kinds.items()
}
HARMLESS = {"shards: written anew"}
