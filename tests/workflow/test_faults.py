"""A full disk, a killed run, a wrong command: what is said, what is left, and how it goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import space
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import LARGE, TINY, Ran, fill, lasting, mrxs_tiles, snakemake, tree

pytestmark = pytest.mark.slow

FINE = "--tile-size=64"  # a cut that takes a second or two
MANY = 50  # tiles written when it is disturbed
FULL = "No space left on device"
WRITING = "Free space or permit writing there, or set another folder with results; then run again."


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 2,300 tiles at 64 px; below `undisturbed` its results and their report."""

    def make(folder: Path) -> Ran:
        slide = running.write(folder / "L.mrxs", LARGE)
        ran = running.cut(slide.path, folder / "undisturbed", FINE, threads=2)
        mrxs_tiles("report", "--results", folder / "undisturbed", FINE)
        return ran

    folder, ran = running.once(tmp_path_factory, "large", make)
    assert (ran.code, ran.err) == (0, "")
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A slide that is cut at once."""
    return running.write(tmp_path / "slides" / "A.mrxs", TINY).path


def partial(results: Path) -> int:
    """How many tiles stand in folders that are not yet in their place."""
    return len(list(results.glob("*/.tiles.partial/*.jpg")))


# --- the disk ---------------------------------------------------------------------------------


def without_ballast(folder: Path) -> dict[str, bytes]:
    """All files on the small disk but what fills it."""
    return {name: content for name, content in lasting(folder).items() if name != "ballast"}


def test_full_disk(tiny: Path, tmp_path: Path) -> None:
    """A full disk fails the job with a sentence and no half file; with room the run completes."""
    slides = tmp_path / "slides"
    with running.small_disk(tmp_path / "disk", "1m") as disk:
        config: dict[str, Any] = {"slides": slides, "results": disk, "tile_size": 20}
        (disk / "A").mkdir()
        fill(disk, leave=0)
        ran = snakemake(tmp_path / "work", **config)
        assert (ran.code, ran.jobs) == (1, ["inspect A"])
        sentence = f"{disk}/A/thumbnail.jpg cannot be written: {FULL}. {WRITING}"
        assert f"mrxs-tiles: {sentence}\n" in ran.text
        assert set(without_ballast(disk)) <= {"A/"}

        # Room for what is guessed, but not for as many blocks of 4096.
        fill(disk, leave=600_000)
        ran = snakemake(tmp_path / "work", **config)
        assert (ran.code, ran.jobs) == (1, ["inspect A", "tile A"])
        assert f".jpg cannot be written: {FULL}. {WRITING}\n" in ran.text
        left = {"A/slide.json", "A/coordinates.tsv", "A/thumbnail.jpg", "A/tissue.png"}
        assert set(without_ballast(disk)) == left

        (disk / "ballast").unlink()
        ran = snakemake(tmp_path / "work", **config)
        assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
        running.cut(tiny, tmp_path / "undisturbed", "--tile-size=20")
        mrxs_tiles("report", "--results", tmp_path / "undisturbed", "--tile-size=20")
        assert lasting(disk) == lasting(tmp_path / "undisturbed")


def test_disk_full_again(tiny: Path, tmp_path: Path) -> None:
    """When a second cut finds no room, the first one's tiles and tables are still whole."""
    with running.small_disk(tmp_path / "disk", "2m") as disk:
        assert running.cut(tiny, disk, "--tile-size=20").code == 0
        before = lasting(disk)
        shared = (tiny, "--results", disk, "--tile-size=20", "--quality=50")
        # Room for what is guessed, but not for as many blocks of 4096; then for neither.
        for leave, says in (
            (600_000, f"cannot be written: {FULL}. {WRITING}\n"),
            (20_000, "B free"),
        ):
            fill(disk, leave)
            ran = mrxs_tiles("tile", *shared)
            assert ran.code == 1
            assert says in ran.err
            assert len(ran.err.splitlines()) == 1
            assert without_ballast(disk) == before


def test_too_little_space(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tiles will not fit, that is said before the first is cut, with both figures."""
    config = read_config({"tile_size": 200})
    inspect("A", tiny, tmp_path / "results", config.settings)
    before = tree(tmp_path / "results")
    monkeypatch.setattr(space, "estimate_bytes", lambda *_: 123_456_789_012)
    monkeypatch.setattr(space, "free_bytes", lambda _: 4_500_000)
    monkeypatch.setattr("mrxs_tiles.steps.tile.estimate_bytes", lambda *_: 123_456_789_012)
    with pytest.raises(ResultsError) as caught:
        tile("A", tiny, tmp_path / "results", config.settings, 1)
    assert str(caught.value) == (
        "The tiles of A will take about 123 GB, but the disk of "
        f"{tmp_path}/results/A has 4.5 MB free. Free space there, or set another folder with "
        "results."
    )
    assert tree(tmp_path / "results") == before


def test_space_is_guessed_well(large: Path, tmp_path: Path) -> None:
    """A disk with half the room is refused before a tile is cut; one with twice is not."""
    taken = sum(len(content) for content in tree(large / "undisturbed" / "L" / "tiles").values())
    shared = (large / "L.mrxs", "--tile-size=512")
    with running.small_disk(tmp_path / "disk", "30m") as disk:
        assert mrxs_tiles("inspect", *shared, "--results", disk).code == 0
        fill(disk, leave=taken // 4)
        ran = mrxs_tiles("tile", *shared, "--results", disk)
        assert ran.code == 1
        assert ran.err.startswith("mrxs-tiles: The tiles of L will take about ")
        assert len(ran.err.splitlines()) == 1
        fill(disk, leave=taken * 2)
        assert mrxs_tiles("tile", *shared, "--results", disk).code == 0


def test_read_only_results(tiny: Path, tmp_path: Path) -> None:
    """Results that must not be written are told by each step, and nothing changes."""
    with running.small_disk(tmp_path / "disk", "1m") as disk:
        assert running.cut(tiny, disk, "--tile-size=200").code == 0
        before = lasting(disk)
        assert running.run("mount", "-o", "remount,ro", disk).code == 0
        shared = (tiny, "--results", disk)
        wrong = f"cannot be written: Read-only file system. {WRITING}\n"
        ran = mrxs_tiles("inspect", *shared, "--tile-size=200")
        assert (ran.code, ran.err) == (1, f"mrxs-tiles: {disk}/A/.earlier {wrong}")
        ran = mrxs_tiles("inspect", *shared, "--slide", "B")
        assert (ran.code, ran.err) == (1, f"mrxs-tiles: {disk}/B {wrong}")
        ran = mrxs_tiles("tile", *shared, "--tile-size=200")
        assert (ran.code, ran.err) == (1, f"mrxs-tiles: {disk}/A/tiles {wrong}")
        ran = mrxs_tiles("report", "--results", disk)
        assert (ran.code, ran.err) == (1, f"mrxs-tiles: {disk}/report.tsv {wrong}")
        assert tree(disk) == before


def test_read_only_results_of_a_workflow(tiny: Path, tmp_path: Path) -> None:
    """Snakemake, too, says in words that the results must not be written."""
    with running.small_disk(tmp_path / "disk", "1m") as disk:
        (disk / "A").mkdir()
        assert running.run("mount", "-o", "remount,ro", disk).code == 0
        ran = snakemake(tmp_path / "work", slides=tiny, results=disk, tile_size=200)
        assert ran.code == 1
        assert "Read-only file system" in ran.text


# --- killed and interrupted -------------------------------------------------------------------


def test_killed_tile(large: Path, tmp_path: Path) -> None:
    """A killed `tile` leaves nothing under a final name, and the next one completes."""
    shared = (large / "L.mrxs", "--results", tmp_path, FINE, "--threads=2")
    assert mrxs_tiles("inspect", *shared[:-1]).code == 0
    process = running.start(running.BIN / "mrxs-tiles", "tile", *shared)
    running.wait_for(lambda: partial(tmp_path) > MANY)
    running.kill_group(process)
    running.ended(process)
    assert not {"tiles", "tiles.tsv", "tiles.json"} & set(running.names(tmp_path / "L"))
    assert partial(tmp_path) > MANY
    assert mrxs_tiles("tile", *shared).code == 0
    assert tree(tmp_path / "L") == tree(large / "undisturbed" / "L")


def test_killed_second_tile(large: Path, tmp_path: Path) -> None:
    """A killed second cut leaves the first one whole, and the next one completes."""
    path = large / "L.mrxs"
    assert running.cut(path, tmp_path, FINE, "--quality=5", threads=2).code == 0
    before = tree(tmp_path)
    command = (path, "--results", tmp_path, FINE, "--threads=2")
    process = running.start(running.BIN / "mrxs-tiles", "tile", *command)
    running.wait_for(lambda: partial(tmp_path) > MANY)
    running.kill_group(process)
    running.ended(process)
    assert before.items() <= tree(tmp_path).items()
    assert mrxs_tiles("tile", *command).code == 0
    assert tree(tmp_path / "L") == tree(large / "undisturbed" / "L")


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted(large: Path, tmp_path: Path, threads: int) -> None:
    """Ctrl-C ends `tile` soon, with one line and exit code 130, and leaves no half folder."""
    shared = (large / "L.mrxs", "--results", tmp_path, FINE)
    assert mrxs_tiles("inspect", *shared).code == 0
    before = tree(tmp_path)
    command = (*shared, f"--threads={threads}")
    process = running.start(running.BIN / "mrxs-tiles", "tile", *command)
    running.wait_for(lambda: partial(tmp_path) > MANY)
    process.send_signal(signal.SIGINT)
    ran = running.ended(process)
    assert (ran.code, ran.err) == (130, "mrxs-tiles: interrupted\n")
    assert tree(tmp_path) == before


@pytest.mark.needs("proc")
def test_interrupted_while_starting(large: Path, tmp_path: Path) -> None:
    """Ctrl-C while the libraries are still loaded, most of the first second, says the same."""
    command = (running.BIN / "mrxs-tiles", "inspect", large / "L.mrxs", "--results", tmp_path)
    process = running.start(*command)
    loaded = Path(f"/proc/{process.pid}/maps")
    running.wait_for(lambda: "_multiarray_umath" in loaded.read_text())
    process.send_signal(signal.SIGINT)
    ran = running.ended(process)
    assert (ran.code, ran.err) == (130, "mrxs-tiles: interrupted\n")


@pytest.mark.torture
def test_killed_snakemake(large: Path, tmp_path: Path) -> None:
    """After a power cut Snakemake asks for `--unlock`, and then the run completes."""
    config: dict[str, Any] = {"slides": large / "L.mrxs", "tile_size": 64}
    process = running.start(*running.snakemake_command(tmp_path, **config))
    running.wait_for(lambda: partial(tmp_path / "results") > MANY)
    running.kill_group(process)
    running.ended(process)
    ran = snakemake(tmp_path, **config)
    assert ran.code == 1
    assert "--unlock" in ran.text
    assert snakemake(tmp_path, "--unlock", **config).code == 0
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (0, ["report", "tile L"])
    assert lasting(tmp_path / "results") == lasting(large / "undisturbed")
    assert snakemake(tmp_path, **config).jobs == []


@pytest.mark.needs("process groups")
def test_interrupted_snakemake(large: Path, tmp_path: Path) -> None:
    """Ctrl-C at Snakemake leaves no lock, and the next run completes."""
    config: dict[str, Any] = {"slides": large / "L.mrxs", "tile_size": 64}
    process = running.start(*running.snakemake_command(tmp_path, **config))
    running.wait_for(lambda: partial(tmp_path / "results") > MANY)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
    ran = running.ended(process)
    assert ran.code != 0
    assert "Traceback" not in ran.text, ran.text
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (0, ["report", "tile L"])
    assert lasting(tmp_path / "results") == lasting(large / "undisturbed")


# --- the command line -------------------------------------------------------------------------


def test_version_and_help() -> None:
    """The version and the help come on stdout, with 0."""
    assert mrxs_tiles("--version").out.startswith("mrxs-tiles ")
    for command in ("inspect", "tile", "report"):
        ran = mrxs_tiles(command, "--help")
        assert (ran.code, ran.err) == (0, "")
        assert "--tile-size VALUE" in ran.out


def test_wrong_config(tiny: Path, tmp_path: Path) -> None:
    """All faults of the options come in one line, with 1, and nothing is written."""
    results = tmp_path / "results"
    faults = ("--tile-size", "0", "--format", "gif", "--background", "reddish")
    ran = mrxs_tiles("inspect", tiny, "--results", results, *faults)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "mrxs-tiles: --tile-size is the number 0: write a whole number of px from 1 to 30000 (the "
        'default is 3000). --background is "reddish": write a colour\'s name (white), r,g,b from 0 '
        'to 255 (255,255,255), #rrggbb or null (the default is null). --format is "gif": write '
        "jpg, png, webp, tif, jxl or none (the default is jpg).\n"
    )
    assert not results.exists()


def test_steps_in_the_wrong_order(tiny: Path, tmp_path: Path) -> None:
    """`tile` before `inspect` or after another one, and `report` of nothing, say what to run."""
    results = tmp_path / "results"
    shared = (tiny, "--results", results)
    ran = mrxs_tiles("tile", *shared)
    assert (ran.code, ran.err) == (
        1,
        f"mrxs-tiles: {results}/A/slide.json is not there. Run the step before this one first.\n",
    )
    ran = mrxs_tiles("report", "--results", results)
    assert (ran.code, ran.err) == (
        1,
        f"mrxs-tiles: {results} holds no slide.json. Run inspect and tile first.\n",
    )
    assert mrxs_tiles("inspect", *shared, "--tile-size=200").code == 0
    before = tree(results)
    for key, option in (
        ("tile_size", "--tile-size=100"),
        ("downsample", "--downsample=2"),
    ):
        options = ("--tile-size=200",) if key != "tile_size" else ()
        ran = mrxs_tiles("tile", *shared, *options, option)
        assert (ran.code, ran.err) == (
            1,
            f"mrxs-tiles: {results}/A/coordinates.tsv was written for another {key}. Run inspect "
            "again with the same settings as tile.\n",
        )
    assert tree(results) == before
    ran = mrxs_tiles("report", "--results", results)
    assert ran.code == 1
    assert ran.err == "mrxs-tiles: bad slides: 1, listed above\n"
    assert "  A (failed): The slide was inspected, but not cut: run tile for it.\n" in ran.out


def test_results_in_the_data_folder(tiny: Path) -> None:
    """The command line does not write into a slide's own data folder."""
    before = tree(tiny.parent)
    for extra in ((), ("--slide", "A/inner")):
        ran = mrxs_tiles("inspect", tiny, "--results", tiny.parent, *extra)
        assert ran.code == 1
        name = extra[-1] if extra else "A"
        assert ran.err == (
            f'mrxs-tiles: results is "{tiny.parent}", and so the results of the slide "{name}" '
            f'would go into its own data folder "{tiny.with_suffix("")}": name another folder.\n'
        )
    assert tree(tiny.parent) == before
