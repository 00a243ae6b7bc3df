"""Rows of a sheet that are alike where they hardly should be: a line asks, and they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from mrxs_tiles.config.carried_cells import MOST_SHOWN, some_rows
from mrxs_tiles.errors import shown
from mrxs_tiles.names import Slide
from mrxs_tiles.settings import Settings, rectangle


def cut_twice(label: str, slides: Mapping[int, Slide]) -> Iterator[str]:
    """A sentence for files that some rows cut in one and the same way under several names."""
    rows: defaultdict[tuple[Path, Settings], dict[str, int]] = defaultdict(dict)
    for number, slide in slides.items():
        rows[slide.path, slide.settings].setdefault(slide.name, number)
    for (path, _), names in rows.items():
        if len(names) > 1:
            yield (
                f"{label}, {some_rows([*names.values()])} one file, "
                f"{shown(path.name)}, and cut it in the same way, as "
                f"{' and '.join(map(shown, [*names][:MOST_SHOWN]))}, so that its tiles count "
                "more than once: is another file meant?"
            )


def drawn_once(label: str, slides: Mapping[int, Slide], usual: Settings) -> Iterator[str]:
    """A sentence for annotations that some rows name for different slides, as filling down does."""
    for key in ("region", "labels"):
        rows: defaultdict[str, dict[Path, int]] = defaultdict(dict)
        for number, slide in slides.items():
            file = getattr(slide.settings, key)
            if file not in (None, getattr(usual, key)) and rectangle(file) is None:
                rows[file].setdefault(slide.path, number)
        for file, paths in rows.items():
            if len(paths) > 1:
                yield (
                    f"{label}, {some_rows([*paths.values()])} the {key} "
                    f"{shown(Path(file).name)} for different slides: was it drawn on each of them?"
                )
