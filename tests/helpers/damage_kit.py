"""Ways to damage a MIRAX slide, walked from the files of a written one, not listed by hand.

``kit`` gives them for one slide, ``everything`` all variants of them; each is applied to the
folder of a copy of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from damage import Damage
from damage_index import index_files, index_numbers
from damage_ini import ini_bytes, ini_sections, ini_values
from damage_names import names
from damage_stored import data_files, positions, stored_images
from write_mirax import WrittenSlide


def everything(slide: WrittenSlide) -> Iterator[Damage]:
    """All damages: each key of Slidedat.ini and each number of Index.dat with every value."""
    yield from ini_values(slide)
    yield from index_numbers(slide)
    yield from whole_files(slide)


def whole_files(slide: WrittenSlide) -> Iterator[Damage]:
    """Those that are not one key or one number."""
    yield from ini_sections(slide)
    yield from ini_bytes()
    yield from index_files(slide)
    yield from data_files(slide)
    yield from stored_images(slide)
    yield from positions(slide)
    yield from names()


def kit(slide: WrittenSlide) -> Iterator[Damage]:
    """What can be run as slides: of each third key or number one value, each value in turn."""
    walked: dict[str, list[Damage]] = {}
    for damage in (*ini_values(slide), *index_numbers(slide)):
        walked.setdefault(damage.name.partition("~")[0], []).append(damage)
    for number, values in enumerate(list(walked.values())[::3]):
        yield values[number % len(values)]
    yield from whole_files(slide)
