"""Nothing that can name a patient leaves a slide: marks planted in it are in no output's bytes."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from in_process import cut
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.report.report import report
from mrxs_tiles.viewer.page import openseadragon
from running import BIN, SPEC, mrxs_tiles, run_ours, snakemake, tree, write
from write_mirax import WrittenSlide

pytestmark = pytest.mark.slow

MARK = "Zq7Marked"  # in every planted text, and nowhere else
COLOUR = (255, 0, 220)  # of the planted pictures; no tissue looks so

GENERAL = (
    *("SLIDE_NAME", "SLIDE_UTC_CREATIONDATETIME", "SLIDE_CREATIONDATETIME", "PROJECT_NAME"),
    *("SLIDE_QUALITY", "OUTPUT_RESOLUTION", "SLIDE_BARCODE", "BARCODE", "PATIENT_NAME", "USER"),
    *("SCANNER_HARDWARE_ID", "CALIBRATION_DATE", "Ünbekannt", "COMMENT"),
)
OTHER_SECTION = (
    f"[{MARK}SECTION]\r\nOPERATOR={MARK} operator\r\n"
    f"[NONHIERLAYER_0_LEVEL_1_SECTION]\r\nBARCODE_VALUE={MARK} barcode\r\nBARCODE_TYPE={MARK}\r\n"
)


def planted_jpeg(side: tuple[int, int], what: str) -> bytes:
    """A picture in one colour of its own, with a comment and EXIF that are marked."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = f"{MARK} {what} exif"
    exif[0x9003] = f"{MARK} 2019:01:02"
    picture = Image.new("RGB", side, COLOUR)
    picture.save(out, "JPEG", quality=90, comment=f"{MARK} {what}".encode(), exif=exif)
    return out.getvalue()


def plant(slide: WrittenSlide) -> None:
    """Put marks into every free field of Slidedat.ini and every picture but the slide's own."""
    ini = slide.folder / "Slidedat.ini"
    keys = "".join(f"{key}={MARK} {key}\r\n" for key in GENERAL)
    text = ini.read_bytes().decode("utf-8-sig").replace("[GENERAL]\r\n", f"[GENERAL]\r\n{keys}")
    for old in ("SLIDE_TYPE", "CURRENT_SLIDE_VERSION", "HIER_0_VAL_0", "NONHIER_1_VAL_0"):
        text, count = re.subn(f"(?m)^{old}=.*$", f"{old}={MARK} {old}\r", text)
        assert count == 1, old
    text = text.replace("OBJECTIVE_MAGNIFICATION=20", f"OBJECTIVE_MAGNIFICATION=20 {MARK}")
    ini.write_bytes((text + OTHER_SECTION).encode("utf-8-sig"))
    slide.path.write_bytes(planted_jpeg((300, 280), "preview"))
    records = []
    for name in slide.spec.associated:
        picture = planted_jpeg((240, 240), name)
        path = slide.data_path(slide.others[name])
        records.append((slide.others[name], path.stat().st_size, len(picture)))
        path.write_bytes(path.read_bytes() + picture + f"{MARK} behind it".encode())
    index = (slide.folder / "Index.dat").read_bytes()
    for part, offset, length in records:
        old = struct.pack("<3i", part.offset, part.length, part.file_number)
        assert index.count(old) == 1
        index = index.replace(old, struct.pack("<3i", offset, length, part.file_number))
    (slide.folder / "Index.dat").write_bytes(index + f"{MARK} at its end".encode())


def unpacked(content: bytes) -> Iterator[bytes]:
    """Some bytes, and what is packed in them: PNG texts, data of a page, deflated streams."""
    yield content
    for found in re.finditer(rb"base64,([A-Za-z0-9+/=]{8,})", content):
        yield from unpacked(base64.b64decode(found[1]))
    for found in re.finditer(rb"x[\x01\x5e\x9c\xda]", content):
        try:
            yield zlib.decompressobj().decompress(content[found.start() :], 1 << 22)
        except zlib.error:
            continue


def marks(folder: Path) -> dict[str, list[str]]:
    """The files that hold a mark, in any encoding, also turned into upper or lower case."""
    wanted = {
        encoding: MARK.lower().encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")
    }
    found: dict[str, list[str]] = {}
    for name, content in tree(folder, logs=True).items():
        pieces = [piece.lower() for piece in unpacked(content)]
        hits = [code for code, mark in wanted.items() if any(mark in piece for piece in pieces)]
        if hits or MARK.lower() in name.lower():
            found[name] = hits
    return found


def coloured(folder: Path) -> list[str]:
    """The pictures that show the colour of what was planted."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".jpg", ".png", ".jpeg"):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB")).astype(int)
                of_ours = {"comment"} if path.name.endswith("-map.jpg") else set()
                assert not picture.info.keys() & ({"exif", "comment", "xmp"} - of_ours), path
            if (np.abs(pixels - COLOUR).max(axis=2) < 25).any():
                found.append(path.relative_to(folder).as_posix())
    return found


def with_viewer() -> str:
    """Whether OpenSeadragon is here, as the key ``deepzoom`` says it."""
    try:
        openseadragon()
    except ResultsError:
        return "false"
    return "true"


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two marked slides: one whole, and one of which a level-0 file is cut short."""
    folder = tmp_path_factory.mktemp("marked") / "slides"
    for name in ("whole", "damaged"):
        slide = write(folder / f"{name}.mrxs", replace(SPEC, seed=len(name)))
        plant(slide)
    data = folder / "damaged" / "Data0000.dat"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    (folder / "broken").mkdir()
    (folder / "broken" / "Slidedat.ini").write_text(f"[GENERAL]\nSLIDE_NAME={MARK}\nSLIDE_ID=x\n")
    (folder / "broken.mrxs").write_bytes(planted_jpeg((90, 90), "preview"))
    return folder


def test_marks_are_there(slides: Path) -> None:
    """The search finds what is to be missing from the results."""
    assert {"whole/Slidedat.ini", "whole/Index.dat", "whole/Data0002.dat", "whole.mrxs"} <= set(
        marks(slides)
    )


def test_workflow(slides: Path, tmp_path: Path) -> None:
    """A run with everything that can be asked for leaves no mark, in the logs neither."""
    ran = snakemake(
        tmp_path,
        slides=slides,
        tile_size=200,
        format="png",
        min_tissue=0.01,
        min_focus=0.01,
        max_pen=0.99,
        deepzoom=with_viewer(),
        background="black",
    )
    assert "3 slides: 1 ok, 2 bad" in ran.err
    assert MARK.lower() not in ran.text.lower()
    assert marks(tmp_path) == {}
    assert coloured(tmp_path / "results") == []
    assert (tmp_path / "results" / "whole" / "thumbnail.jpg").is_file()


def test_survey_and_preview(slides: Path, tmp_path: Path) -> None:
    """Nor do the other commands, nor Snakemake's own report and dry run."""
    said = mrxs_tiles("survey", slides, "--results", tmp_path).text
    for name in ("whole", "damaged", "broken"):
        said += mrxs_tiles("preview", slides / f"{name}.mrxs", "--results", tmp_path).text
    said += run_ours(BIN / "mrxs-tiles", "--help").text
    assert MARK.lower() not in said.lower()
    assert (tmp_path / "whole" / "preview" / "min_focus.png").is_file()
    assert marks(tmp_path) == {}
    assert coloured(tmp_path) == []


def test_aperio(aperio: Path, tmp_path: Path) -> None:
    """The description of an Aperio slide stays in it: its own file name, date, time and user."""
    content = aperio.read_bytes()
    start = content.index(b"Aperio Image Library")
    description = content[start : content.index(b"\0", start)].decode("latin-1")
    fields = dict(re.findall(r"\|([^=|]+?) = ([^|]+)", description))
    planted = content
    for key in ("Filename", "User", "Date", "Time", "ImageID", "Title", "ScanScope ID", "Parmset"):
        if key in fields:
            value = fields[key].strip()
            mark = (MARK * 9)[: len(value)]
            planted = planted.replace(f"|{key} = {value}".encode(), f"|{key} = {mark}".encode())
    assert planted.count(MARK[:5].encode()) > 2
    slide = tmp_path / "slides" / "a.svs"
    slide.parent.mkdir()
    slide.write_bytes(planted)
    work = tmp_path / "work"
    viewer = with_viewer() == "true"
    done = cut(slide, work / "results", tile_size=700, deepzoom=viewer, min_focus=0.01)
    assert done.tiled["status"] == "ok"
    report(work / "results")
    said = b"".join(piece for file in tree(work, logs=True).values() for piece in unpacked(file))
    assert MARK[:5].encode() not in said
