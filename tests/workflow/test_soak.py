"""A long run: memory grows with no number of slides done, and no bad slide is miscounted."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from statistics import fmean

import pytest

import running
from running import TINY, table

pytestmark = [pytest.mark.slow, pytest.mark.torture]

SLIDES = 300
EACH_BAD = 10  # one slide in so many is bad
MOST_GROWTH, SLACK_MB = 1.15, 30


def write_slides(folder: Path) -> tuple[int, int]:
    """Write the slides, all links to two; returns how many are damaged and how many failed."""
    good = running.write(folder.parent / "originals" / "good.mrxs", TINY)
    damaged = running.copy_slide(good.path, folder.parent / "originals" / "damaged.mrxs")
    image = good.images[0]
    with (damaged.with_suffix("") / good.data_path(image).name).open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(bytes(image.length))
    folder.mkdir()
    bad = {"damaged": 0, "failed": 0}
    for number in range(SLIDES):
        source = good.path
        link = folder / f"{number:04}.mrxs"
        if number % (2 * EACH_BAD) == 13:
            link.write_text("no slide")
            bad["failed"] += 1
            continue
        if number % (2 * EACH_BAD) == 3:
            source, bad["damaged"] = damaged, bad["damaged"] + 1
        link.symlink_to(source)
        link.with_suffix("").symlink_to(source.with_suffix(""))
    return bad["damaged"], bad["failed"]


def rss_mb(process: subprocess.Popen[str]) -> float:
    """The memory of a process, 0 when it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0][1]) / 1000 if lines else 0


def job_peaks(work: Path, step: str) -> list[float]:
    """The peak memory of each job that Snakemake had time to look at, in order of time."""
    files = sorted(
        work.glob(f"results/logs/*/{step}.benchmark.tsv"), key=lambda file: file.stat().st_mtime
    )
    peaks = [table(file)[0]["max_rss"] for file in files]
    return [float(peak) for peak in peaks if peak not in ("-", "NA", "0.00")]


def check_level(values: list[float], what: str) -> None:
    """The last fifth of some measurements is no higher than what came after the first third."""
    fifth = max(1, len(values) // 5)
    early, late = values[len(values) * 3 // 10 :][:fifth], values[-fifth:]
    print(f"{what}: {fmean(early):.1f} MB early, {fmean(late):.1f} MB late, of {len(values)}")  # noqa: T201
    assert fmean(late) < max(fmean(early) * MOST_GROWTH, fmean(early) + SLACK_MB), what


@pytest.mark.parametrize("options", [(), ("--keep-going",)])
def test_soak(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Many slides, some of them bad, end as they should and in bounded memory."""
    damaged, failed = write_slides(tmp_path / "slides")
    work = tmp_path / "work"
    work.mkdir()
    command = running.snakemake_command(work, *options, slides=tmp_path / "slides", tile_size=100)
    began = time.monotonic()
    log = tmp_path / "log"
    process = running.start(*command, log=log)
    memory = []
    while process.poll() is None:
        memory.append(rss_mb(process))
        time.sleep(1)
    print(f"{SLIDES} slides took {time.monotonic() - began:.0f} s")  # noqa: T201
    assert process.returncode == 1, log.read_text()[-3000:]
    said = log.read_text()
    assert f"Bad slides: {damaged + failed} of {SLIDES}, see above." in said
    good = SLIDES - damaged - failed
    assert f"{SLIDES} slides: {good} ok, {damaged + failed} bad\n" in said
    status = [row["status"] for row in table(work / "results" / "report.tsv")]
    assert len(status) == SLIDES
    assert (status.count("damaged"), status.count("failed")) == (damaged, failed)
    check_level([mb for mb in memory if mb > 0], "Snakemake")
    for step in ("inspect", "tile"):
        if len(peaks := job_peaks(work, step)) > EACH_BAD:
            check_level(peaks, step)
