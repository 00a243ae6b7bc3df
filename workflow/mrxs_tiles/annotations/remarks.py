"""What is to be said of an annotation file that is used although not all of it is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from mrxs_tiles.annotations.drawing import LINE, NOTHING, POINT
from mrxs_tiles.errors import printable

NAMED = 20  # drawings of one fault; a file can have half a million
_COUNTED = {
    LINE: ("line", "lines"),
    POINT: ("point", "points"),
    NOTHING: ("feature without geometry", "features without geometry"),
}


@dataclass(slots=True)
class Named:
    """Drawings with one fault: the first by number and place, all by count."""

    shown: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, number: int, why: str = "") -> None:
        """Note a drawing; ``why`` says what is wrong, and where."""
        self.count += 1
        if self.count <= NAMED:
            self.shown.append(f"{number} ({printable(why)})" if why else str(number))

    def __str__(self) -> str:
        more = self.count - len(self.shown)
        return ", ".join(self.shown) + (f" and {more:,} more" if more else "")


@dataclass(slots=True)
class Remarks:
    """What was found in a file beside sound polygons."""

    repaired: Named = field(default_factory=Named)
    passed_over: Named = field(default_factory=Named)
    closed: Named = field(default_factory=Named)
    unread: Named = field(default_factory=Named)
    without_area: Counter[str] = field(default_factory=Counter)

    def sentences(self, called: str) -> Iterator[str]:
        """Warnings that begin with what the file is called."""
        bad = []
        if self.repaired.count:
            bad.append(f"{_polygons(self.repaired.count, 'was')} repaired: {self.repaired}")
        if self.passed_over.count:
            count = self.passed_over.count
            bad.append(f"{_polygons(count, 'was')} passed over: {self.passed_over}")
        if bad:
            yield f"{called}: {'; '.join(bad)}"
        if counts := self.counts():
            yield f"{called}: {counts}"
        if self.unread.count:
            yield (
                f"{called}: classes are read from properties.classification, as QuPath writes "
                f"them; not read was {self.unread}"
            )

    def counts(self) -> str:
        """What has no area, and what was left open, in one clause."""
        parts = []
        left = [
            f"{number:,} {one if number == 1 else many}"
            for kind, (one, many) in _COUNTED.items()
            if (number := self.without_area[kind])
        ]
        if left:
            parts.append(f"passed over, since without area: {', '.join(left)}")
        if self.closed.count:
            which = f"{_polygons(self.closed.count, 'did')} not end where it began and was closed"
            if self.closed.count > 1:
                which = which.replace("it began and was", "they began and were")
            parts.append(f"{which}: {self.closed}")
        return "; ".join(parts)


def _polygons(count: int, verb: str) -> str:
    if count == 1:
        return f"1 polygon {verb}"
    return f"{count:,} polygons {'were' if verb == 'was' else verb}"
