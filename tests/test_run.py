"""The command `run`: what is typed, and what Snakemake is given; without Snakemake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mrxs_tiles import run as command
from mrxs_tiles.__main__ import main
from running import REPO


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words that Snakemake is called with, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    words: list[str] = []

    def snakemake(called: list[str], file: Path, recut: bool) -> int:
        assert not recut
        words[:] = [*called, str(file)]
        return 0

    monkeypatch.setattr(command, "_snakemake", snakemake)
    return words


def config(words: list[str]) -> dict[str, object]:
    """What stands in the config's file that Snakemake is given."""
    file = Path(words[-1])
    content: dict[str, object] = json.loads(file.read_text())
    return content


def test_keys_are_options(given: list[str]) -> None:
    """Each key is an option, and arrives as it was meant; the cores are all."""
    typed = ("--results", "1e5", "--tile-size", "512", "--exports", "clam,qupath", "--carry=a,b")
    assert main(["run", "../study #2", *typed, "--limit-bounds", "true"]) == 0
    assert config(given) == {
        "slides": "../study #2",
        "results": "1e5",
        "tile_size": 512,
        "exports": ["clam", "qupath"],
        "carry": ["a", "b"],
        "limit_bounds": True,
    }
    assert given[-3:-1] == ["--cores", "all"]


def test_snakemakes_own(given: list[str]) -> None:
    """What comes behind -- is Snakemake's, first, and may say where jobs run."""
    assert main(["run", "slides", "--", "x/tiles.json", "-n", "--forcerun", "tile"]) == 0
    assert given[:4] == ["x/tiles.json", "-n", "--forcerun", "tile"]
    assert given[-3:-1] == ["--cores", "all"]
    assert main(["run", "slides", "--", "--profile", "slurm"]) == 0
    assert "--cores" not in given
    assert main(["run", "slides", "--cores", "3", "--", "--profile=slurm"]) == 0
    assert given[-3:-1] == ["--cores", "3"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "mrxs-tiles run /data/slides --results /data/tiles"),
        (["a.mrxs", "b.mrxs"], "put the glob in quotes"),
        (["a", "-n"], "Snakemake's own come behind --"),
        (["a", "--cores", "none"], "neither a whole number from 1 nor all"),
    ],
)
def test_wrong_usage(
    given: list[str], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Typed otherwise than meant, it says what to type, and ends with 2."""
    try:
        code: object = main(["run", *words])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert given == []


def test_wrong_values(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """All wrong values are told at once, before Snakemake takes its time."""
    assert main(["run", "a", "--tile-size", "0", "--format", "gif"]) == 1
    said = capsys.readouterr().err
    assert "--tile-size" in said
    assert "--format" in said
    assert given == []


def test_config_here(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A config.yaml that counts too is told."""
    Path("config.yaml").write_text("tile_size: 512\n")
    assert main(["run", "a"]) == 0
    assert given
    assert "config.yaml here is read too" in capsys.readouterr().err


def test_config_of_a_clone(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One that holds the defaults, as in a fresh clone, changes nothing and is not told."""
    Path("config.yaml").write_bytes((REPO / "config.yaml").read_bytes())
    assert main(["run", "a"]) == 0
    assert given
    assert "config.yaml" not in capsys.readouterr().err


@pytest.mark.parametrize("typed", [["--overlap", "3500"], ["--tile-size=30000", "--overlap=20000"]])
def test_config_here_decides_with_what_was_typed(given: list[str], typed: list[str]) -> None:
    """What only goes together with a key of config.yaml is for Snakemake to judge."""
    Path("config.yaml").write_text("tile_size: 4000\nformat: png\n")
    assert main(["run", "a", *typed]) == 0
    assert given


def test_wrong_values_beside_a_config(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A value that is wrong alone is told at once, and one that is wrong with another typed."""
    assert main(["run", "a", "--overlap", "3500"]) == 1
    assert "overlap is 3500 px and tile_size 3000 px" in capsys.readouterr().err
    Path("config.yaml").write_text("tile_size: 4000\n")
    assert main(["run", "a", "--background", "puce"]) == 1
    assert "puce" in capsys.readouterr().err
    assert main(["run", "a", "--downsample", "2", "--mpp", "1"]) == 1
    assert "downsample 2 and mpp 1 are asked for" in capsys.readouterr().err
    assert given == []


def test_a_typed_scale_replaces_the_file_s(given: list[str]) -> None:
    """What Snakemake is given says no to the scales that config.yaml may ask for."""
    Path("config.yaml").write_text("mpp: 1.0\n")
    assert main(["run", "a", "--downsample", "2"]) == 0
    assert config(given) == {"slides": "a", "downsample": 2, "mpp": None, "magnification": None}
