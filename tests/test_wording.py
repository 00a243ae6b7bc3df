"""Which names a person would take for one, though they are two texts."""

from __future__ import annotations

import unicodedata

import pytest

from mrxs_tiles.wording import spelled_alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tumor", " tumor"),
        ("Müller", unicodedata.normalize("NFD", "Müller")),
        ("P-1", "P\N{EN DASH}1"),
        ("P1", "\N{FULLWIDTH LATIN CAPITAL LETTER P}1\N{ZERO WIDTH SPACE}"),
        ("a b", "a\N{NO-BREAK SPACE}b"),
        ("7", "7.0"),
        ("007", "7"),
        ("0,5", "0.5"),
    ],
)
def test_spelled_alike(one: str, other: str) -> None:
    """Each pair is asked about; what it stands beside is not."""
    assert spelled_alike([one, "P 2", other, "P2"]) == [[one, other]]


def test_spelled_otherwise() -> None:
    """Names that a person tells apart are told apart here."""
    names = ["1.1", "1.10", "-7", "7", "P-1", "P_1", "P1", "Tumor", "Tumour", "T.1", "pT2", "pT2b"]
    assert not spelled_alike(names)
