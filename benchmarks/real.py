"""Real MIRAX slides: download, cut, compare with the little script byte for byte.

    make real, or python benchmarks/real.py [--large] [--base URL]

Takes the public samples of OpenSlide (CC0), the smallest by default (3.6 MB). What is in
benchmarks/data already is not downloaded again. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openslide import OpenSlide, OpenSlideError
from openslide.deepzoom import DeepZoomGenerator

BASE = "https://openslide.cs.cmu.edu/download/openslide-testdata/Mirax/"
DATA = Path(__file__).resolve().parent / "data"
MRXS_TILES = Path(sys.executable).with_name("mrxs-tiles")
TIMEOUT = 60  # s without a byte
SHOWN = 10  # differences that are named


class RealError(Exception):
    """Why a slide could not be compared: a sentence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A slide of the archive; ``quickhash``: OpenSlide's quickhash-1, None: not known here."""

    name: str
    quickhash: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One way to cut a slide."""

    tile_size: int = 3000
    overlap: int = 0
    downsample: int = 1
    limit_bounds: bool = False

    @property
    def options(self) -> list[str]:
        """For the command line."""
        return [
            *("--tile-size", str(self.tile_size), "--overlap", str(self.overlap)),
            *("--downsample", str(self.downsample)),
            *("--limit-bounds", str(self.limit_bounds).lower()),
        ]


SMALL = Sample(
    "CMU-1-Saved-1_16", "7fa0eea07df29f449e5aa0ad5df56c5f411f6029d5293f9d68335d6add3fb00e"
)
LARGE = Sample("CMU-1", None)
CASES = (Case(), Case(512), Case(256, 1, 1, True), Case(300, 0, 4))


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Compare tiles of real MIRAX slides.")
    parser.add_argument("--large", action="store_true", help="CMU-1.zip too: half a gigabyte")
    parser.add_argument("--base", default=BASE, metavar="URL", help="another copy of the archive")
    given = parser.parse_args(arguments)
    different = 0
    try:
        for sample in (SMALL, LARGE) if given.large else (SMALL,):
            slide = fetch(sample, given.base.rstrip("/") + "/")
            check_quickhash(sample, slide)
            different += sum(compare(slide, case) for case in CASES)
    except RealError as error:
        print(f"real: {error}", file=sys.stderr)
        return 1
    print("All tiles are identical." if not different else f"{different} tiles differ.")
    return 1 if different else 0


def fetch(sample: Sample, base: str) -> Path:
    """The slide's .mrxs below benchmarks/data, downloaded and unpacked if it is not there.

    Raises:
        RealError: it cannot be had.
    """
    folder = DATA / sample.name
    if not folder.is_dir():
        archive = DATA / f"{sample.name}.zip"
        if not archive.is_file():
            download(base + archive.name, archive)
        unpack(archive, folder)
    found = sorted(folder.rglob("*.mrxs"))
    if len(found) != 1:
        raise RealError(f"{folder} holds {len(found)} slides, not one. Remove it and run again.")
    return found[0]


def download(url: str, out: Path) -> None:
    """Fetch a file whole or not at all.

    Raises:
        RealError: there is no network, no such file, or it ended early.
    """
    print(f"downloading {url}")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    try:
        _fetch_bytes(url, partial)
        partial.replace(out)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise RealError(
            f"{url} cannot be downloaded ({reason}). Is there a network? Or put the file into "
            f"{out.parent} yourself and run again."
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _fetch_bytes(url: str, out: Path) -> None:
    # The address is BASE, or what the one at the keyboard gave.
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, out.open("wb") as stream:  # noqa: S310
        shutil.copyfileobj(answer, stream)
        wanted = int(answer.headers.get("Content-Length") or stream.tell())
        if stream.tell() != wanted:
            raise OSError(f"it ended after {stream.tell()} of {wanted} bytes")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive; the folder is there only when all is in it.

    Raises:
        RealError: it is not a whole zip file.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as name:
        unpacked = Path(name) / folder.name
        try:
            with zipfile.ZipFile(archive) as files:
                files.extractall(unpacked)
        except (zipfile.BadZipFile, EOFError) as error:
            raise RealError(f"{archive} is damaged ({error}). Remove it and run again.") from None
        unpacked.replace(folder)


def check_quickhash(sample: Sample, slide: Path) -> None:
    """Make sure that this is the slide meant.

    Raises:
        RealError: it is another one, or OpenSlide does not open it.
    """
    try:
        with OpenSlide(slide) as opened:
            found = opened.properties.get("openslide.quickhash-1")
    except (OSError, OpenSlideError) as error:
        raise RealError(f"{slide} cannot be opened: {error}") from None
    if sample.quickhash is None:
        print(f"{sample.name}: quickhash-1 {found}, nothing to compare it with")
    elif found != sample.quickhash:
        raise RealError(f"{slide} has the quickhash-1 {found}, not {sample.quickhash}.")


def compare(slide: Path, case: Case) -> int:
    """Cut a slide both ways; returns how many tiles differ, and names the first of them.

    Raises:
        RealError: ``mrxs-tiles`` failed.
    """
    with tempfile.TemporaryDirectory() as name:
        results = Path(name)
        for command in (["inspect"], ["tile", "--threads", "2"]):
            step(command, slide, results, case)
        tiles = results / slide.stem / "tiles"
        left = {file.name for file in tiles.iterdir()}
        kept = len(left)
        different: list[str] = []
        for file, content in expected(slide, case):
            if file not in left:
                different.append(f"{file}: not written")
            elif (tiles / file).read_bytes() != content:
                different.append(f"{file}: other bytes")
            left.discard(file)
        different += [f"{file}: written, but blank" for file in sorted(left)]
    print(f"{slide.stem}, {' '.join(case.options)}: {kept} tiles, {len(different)} differ")
    print("".join(f"  {sentence}\n" for sentence in different[:SHOWN]), end="", flush=True)
    return len(different)


def step(command: list[str], slide: Path, results: Path, case: Case) -> None:
    """One step of ``mrxs-tiles``.

    Raises:
        RealError: with what it said.
    """
    whole: list[str | Path] = [MRXS_TILES, *command, slide, "--results", results, *case.options]
    done = subprocess.run(whole, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RealError(f"mrxs-tiles {command[0]} ended with {done.returncode}: {done.stderr}")


def expected(slide: Path, case: Case) -> Iterator[tuple[str, bytes]]:
    """The little script: each tile's file name and bytes, those of one grey value left out."""
    with OpenSlide(slide) as opened:
        generator = DeepZoomGenerator(opened, case.tile_size, case.overlap, case.limit_bounds)
        level = generator.level_count - case.downsample.bit_length()
        cols, rows = generator.level_tiles[level]
        for col in range(cols):
            for row in range(rows):
                tile = generator.get_tile(level, (col, row))
                darkest, brightest = tile.convert("L").getextrema()
                if darkest == brightest:
                    continue
                out = io.BytesIO()
                tile.save(out, "JPEG")
                yield f"{col}_{row}.jpg", out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
