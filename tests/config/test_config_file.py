"""config.yaml as a text: what YAML would take otherwise than it was meant is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrxs_tiles.config.config_file import check_config_files
from mrxs_tiles.errors import ConfigError
from slide_places import make


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(content: str | bytes, name: str = "config.yaml") -> list[str]:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return check_config_files([Path(name)])


@pytest.mark.parametrize(
    "text",
    [
        "slides: d\ntile_size: 512\n",
        "slides: d\r\ntile_size: 512\r\n",
        "\ufeffslides: d\n",
        "slides: d # the new ones\nresults: r  # and theirs\n",
        '{"slides": "d",\t"tile_size": 512}',
        "__use_yte__: true\nslides: [?x]\n\tx: 1\n",
        "slides: '!x'\nresults: a&b\nbackground: '&'\n",
        "mpp:\nstage: ~\nregion: null\nslides: 'a #2'\n",
    ],
)
def test_accepted(text: str) -> None:
    """What YAML reads as it is meant is said nothing of."""
    assert check(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slides: d\n\ttile_size: 512\n", "line 2 holds a tab"),
        ("slides:\td\ntile_size:\t512\n", "line 1 holds a tab"),
        (
            "slides: d\ntile_size: 512\ntile_size: 256\n",
            'the key "tile_size" is there twice, on lines 2 and 3',
        ),
        ('{"mpp": 1, "mpp": 2}', 'the key "mpp" is there twice'),
        ("slides:d\ntile_size:512\n", 'line 1 is no key and value: write "slides: d"'),
        ("slides = d\n", 'line 1 is no key and value: write "slides: d"'),
        ('slides: "C:\\slides"\n', "line 1: in double quotes a backslash is YAML's own"),
        ("# nothing\n", "is empty: write a key"),
        ("slides: a: b\n", "line 1 is no YAML"),
        ("slides: !x y\n", "line 1: slides begins with !, which is a sign of YAML's own"),
        ("slides: d\nresults: &x y\n", "line 2: results begins with &, which is a sign of YAML's"),
        ("tile_size: 3\n slides: d\n", "line 2 is no YAML"),
        (
            "results: 007\n",
            'line 1: results is 007, which is a number to YAML: write "007", in',
        ),
        ("results: 1:30\n", "a number to YAML"),
        ("\nresults: 2024-05-01\n", "line 2: results is 2024-05-01, which is a date to YAML"),
        ("slides: no\n", "slides is no, which is yes or no to YAML"),
        ("stage: no\n", 'write "no", in quotes, or null for none'),
        ("slides: [x]\n", 'slides is [x], a list to YAML: write "[x]", in quotes'),
        (
            "results: out #2\n",
            "results is out to YAML, for which a # after a blank begins a comment",
        ),
        ("slides: study #2\n", 'write "study #2" in quotes'),
        ("slides: d\n".encode("utf-16"), "line 1 is not text in UTF-8"),
        (b"slides: d\nresults: M\xfcller\n", "line 2 is not text in UTF-8"),
    ],
)
def test_refused(text: str | bytes, told: str) -> None:
    """What YAML reads otherwise is told with the line and what to write."""
    make("study #2/", "study/")
    with pytest.raises(ConfigError) as caught:
        check(text)
    assert told in str(caught.value)
    assert all(fault.startswith('"config.yaml"') for fault in caught.value.faults)


@pytest.mark.parametrize("name", ["config.yml", "Config.yaml", "config.yaml.txt", "CONFIG.YML"])
def test_a_config_that_is_not_read(name: str) -> None:
    """A file that looks like the config is named: an error, or a line where there is one."""
    elsewhere = Path("clone/config.yaml")
    make(str(elsewhere))
    elsewhere.write_text("slides: slides\n")
    Path(name).write_text("tile_size: 512\n")
    with pytest.raises(ConfigError, match=f'"{name}" in the working directory is not read'):
        check_config_files([elsewhere])
    assert check_config_files([elsewhere, Path(name)]) == []
    assert check("slides: d\n") == [
        f'"{name}" in the working directory is not read, since the config is "config.yaml".'
    ]


def test_a_config_of_another_program() -> None:
    """A config.yml without a key of ours is another program's."""
    Path("config.yml").write_text("server: x\n")
    assert check("slides: d\n") == []
