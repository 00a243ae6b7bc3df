"""The data files: opened once, read in few requests, each image decoded once."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from in_process import NAME, cut, look
from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax import data_files, image_store
from mrxs_tiles.mirax.data_files import DataFiles, Range
from running import BIN
from write_mirax import WrittenSlide


def test_ranges(tmp_path: Path) -> None:
    """Each range gets its own bytes; neighbours are read at once."""
    content = np.random.default_rng(0).integers(0, 256, 100_000, np.uint8).tobytes()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content[::-1])
    files = DataFiles(tmp_path, ["a", "b", "c"])
    ranges = [
        *(Range(0, 500, 100), Range(1, 0, 40), Range(0, 600, 50), Range(0, 99_990, 100)),
        *(Range(0, 700, 30), Range(0, 610, 5)),
    ]
    found = files.read(ranges)
    whole = (content, content[::-1])
    for (file, offset, length), got in zip(ranges, found, strict=True):
        assert bytes(got) == whole[file][offset : offset + length]
    assert files.requests == 3, "four neighbours in one, the end of the file, the other file"
    with pytest.raises(SlideError, match=r"^c cannot be read \(No such file or directory\)$"):
        files.read([Range(2, 0, 1)])
    files.close()


def test_bounded_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is longer than the limit, however near the images lie."""
    (tmp_path / "a").write_bytes(bytes(range(200)))
    monkeypatch.setattr(data_files, "MOST_AT_ONCE", 50)
    files = DataFiles(tmp_path, ["a"])
    found = files.read([Range(0, at, 20) for at in range(0, 200, 20)])
    assert b"".join(found) == bytes(range(200))
    assert files.requests == 5
    files.close()


@pytest.mark.slow
@pytest.mark.needs("strace")
def test_system_calls(large: WrittenSlide, tmp_path: Path) -> None:
    """`tile` opens each data file once, and reads little more than what is stored, of level 0."""
    look(large.path, tmp_path, tile_size=256)
    trace = tmp_path / "trace"
    command: list[str | Path] = [
        *("strace", "-ff", "-y", "-e", "trace=openat,pread64,read", "-o", trace),
        *(BIN / "mrxs-tiles", "tile", large.path, "--slide", NAME, "--results", tmp_path),
        *("--tile-size", "256", "--threads", "2"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    traces = tmp_path.glob("trace.*")  # one of each thread: together, they would cut each other's
    lines = [line for one in traces for line in one.read_text(errors="replace").splitlines()]
    opens: dict[str, int] = {}
    read = 0
    for line in lines:
        if found := re.search(r"openat\(.*/(Data\d+\.dat)\"", line):
            opens[found[1]] = opens.get(found[1], 0) + 1
        if found := re.search(r"pread64\(\d+<.*Data\d+\.dat>.* = (\d+)$", line):
            read += int(found[1])
    images = [image for image in large.images if image.level == 0]
    files = {large.data_path(image).name for image in images}
    stored = sum(image.length for image in images)
    # OpenSlide opens the file of the coarsest level's images and of the positions, at its start
    ours = {name: count for name, count in opens.items() if name in files}
    assert set(ours) == files
    assert sum(ours.values()) <= len(files) + 2
    guess = 16 * 4 * stored / len(images)  # looks into some tiles, for the room that they take
    assert stored <= read <= 1.1 * stored + guess


@pytest.mark.slow
def test_decodes_each_image_once(
    large: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tiles of any size on any threads each stored image is decoded hardly more than once."""
    plain = image_store.decoder
    count = [0]

    def counting(image_format: str) -> Any:
        decode = plain(image_format)

        def counted(data: Any, out: Any) -> None:
            count[0] += 1
            decode(data, out)

        return counted

    look(large.path, tmp_path, tile_size=200)
    monkeypatch.setattr(image_store, "decoder", counting)
    stored = sum(image.level == 0 for image in large.images)
    for threads in (1, 3):
        count[0] = 0
        cut(large.path, tmp_path, threads=threads, tile_size=200)
        proofs = 200  # `inspect` decodes those of the places that it compares
        assert stored <= count[0] <= 1.1 * stored + proofs
