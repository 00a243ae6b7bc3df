"""A bad slide in the next run: said again until it is mended, then redone alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import running
from bad_slides import AGAIN, MIRAX, TILE, touching, zero
from running import (
    TINY,
    lasting,
    mrxs_tiles,
    snakemake,
    times,
)

pytestmark = pytest.mark.slow


def test_said_again_until_mended(tmp_path: Path) -> None:
    """A bad slide is said again by each run that cuts nothing, and mended it is redone alone."""
    slides, results = tmp_path / "slides", tmp_path / "results"
    good = running.write(slides / "good.mrxs", TINY)
    corrupt = running.copy_slide(good.path, slides / "corrupt.mrxs")
    (slides / "link.mrxs").symlink_to(tmp_path / "good.mrxs")
    image = good.images[2]
    zero(good, [image], corrupt.with_suffix(""))
    config: dict[str, Any] = {"tile_size": TILE}
    sentences = (
        f"\n  corrupt (damaged): {len(touching(good, [image], TILE))} of 4 tiles cannot be read: "
        f"the stored image at byte {image.offset} of {good.data_path(image).name} is corrupt. "
        f"{AGAIN}\n"
        "  link (failed): link.mrxs is a broken link. Check the path, or copy the slide there.\n"
    )
    ran = snakemake(tmp_path, **config, on_bad_slide="ignore")
    assert ran.code == 0
    assert sentences in ran.err
    renewed = ("report", "runtime.tsv", "run.json", "ro-crate", "logs/")
    before = {n: time for n, time in times(results).items() if not n.startswith(renewed)}
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (1, ["report"])
    assert sentences in ran.err
    assert before.items() <= times(results).items()

    # with `stop` what an earlier run has found stops a run too, before any job
    strict: dict[str, Any] = config | {"on_bad_slide": "stop"}
    ran = snakemake(tmp_path, **strict)
    assert ran.code == 1
    assert "Bad slides of an earlier run, which have not changed since" in ran.text
    assert "link (failed): link.mrxs is a broken link" in ran.text
    assert "Finished" not in ran.text
    assert before.items() <= times(results).items()

    name = good.data_path(image).name
    shutil.copyfile(good.folder / name, corrupt.with_suffix("") / name)
    running.copy_slide(good.path, tmp_path / "good.mrxs")
    ran = snakemake(tmp_path, **strict)
    redone = ["inspect corrupt", "inspect link", "report", "tile corrupt", "tile link"]
    assert (ran.code, ran.jobs) == (0, redone)
    assert {key: time for key, time in before.items() if key.startswith("good/")}.items() <= times(
        results
    ).items()
    for slide in ("good", "corrupt", "link"):
        running.cut(slides / f"{slide}.mrxs", tmp_path / "undamaged", f"--tile-size={TILE}")
    mrxs_tiles("report", "--results", tmp_path / "undamaged", f"--tile-size={TILE}")
    assert lasting(results) == lasting(tmp_path / "undamaged")
    ran = snakemake(tmp_path, "--dry-run", **config)
    assert ran.code == 0
    assert set(ran.jobs) <= {"report"}


@pytest.mark.parametrize("kind", [pytest.param("corrupt", marks=pytest.mark.torture), "no_folder"])
def test_stop(tmp_path: Path, kind: str) -> None:
    """With `on_bad_slide=stop` the bad slide's job fails, again in the next run, until mended."""
    slide = running.write(tmp_path / "slides" / "A.mrxs", TINY)
    running.copy_slide(slide.path, tmp_path / "whole" / "A.mrxs")
    if kind == "corrupt":
        zero(slide, slide.images[:1], slide.folder)
        job, says = "tile", "A (damaged): 1 of 4 tiles cannot be read: the stored image at byte 37"
    else:
        shutil.rmtree(slide.folder)
        job, says = "inspect", f"A (failed): The folder 'A' is missing beside A.mrxs. {MIRAX}: "
    for run in range(2):
        ran = snakemake(tmp_path, tile_size=TILE, on_bad_slide="stop")
        assert ran.code == 1
        assert ran.jobs == (["inspect A", "tile A"][run:] if job == "tile" else ["inspect A"])
        assert f"Error in rule {job}:" in ran.text
        assert says in ran.text
        assert not (tmp_path / "results" / "report.tsv").exists()
        if kind == "no_folder":
            return
    shutil.rmtree(slide.folder)
    shutil.copytree(tmp_path / "whole" / "A", slide.folder)
    assert snakemake(tmp_path, tile_size=TILE, on_bad_slide="stop").code == 0
    running.cut(slide.path, tmp_path / "undamaged", f"--tile-size={TILE}")
    mrxs_tiles("report", "--results", tmp_path / "undamaged", f"--tile-size={TILE}")
    assert lasting(tmp_path / "results") == lasting(tmp_path / "undamaged")
