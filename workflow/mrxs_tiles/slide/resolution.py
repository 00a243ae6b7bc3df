"""How much smaller than the slide its tiles are: from what is asked for, and the slide's scale."""

from __future__ import annotations

from dataclasses import replace

from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.deep_zoom import largest_downsample
from mrxs_tiles.grid.grid import Downsamples
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.slide.reader import SlideFacts

ASSUMED_MPP = 0.25  # µm per level-0 px of a slide that does not say: most are scanned so

LIKE_OWN = 0.05  # part by which a row's mpp differs at most from the slide's own scale it may mean

# The tables give a slide's mpp with six digits; who copies it from there means it exactly.
SIX_DIGITS = 1e-5


def with_scale(facts: SlideFacts, slide_mpp: float | None) -> SlideFacts:
    """The facts with the user's own scale, µm per level-0 px, where one is given."""
    if slide_mpp is None:
        return facts
    return replace(facts, mpp_x=slide_mpp, mpp_y=slide_mpp)


def downsamples_of(facts: SlideFacts, settings: GridSettings) -> Downsamples:
    """Level-0 px per px of the tiles, across and down; they differ where mpp_x and mpp_y do.

    What comes within six digits of a power of two is that power, which Deep Zoom knows.

    Raises:
        SlideError: the slide does not give its scale, or the tiles would be larger than what
            was scanned, or the slide would be smaller than one px.
    """
    asked, across, down = _asked(facts, settings)
    nearest = (_snapped(across), _snapped(down))
    if min(nearest) < 1:
        raise SlideError(
            f"{asked} is finer than this slide, {_scale(facts, settings)}: tiles are never "
            f"enlarged. Set {_coarsest_allowed(facts, settings)}, or downsample to 1."
        )
    most = largest_downsample(facts.size)
    if max(nearest) > most:
        raise SlideError(
            f"{asked} is too much for this slide of {facts.size[0]} x {facts.size[1]} px: at "
            f"downsample {most} it is one pixel. Set downsample to {most} or less."
        )
    return nearest


def meant_otherwise(facts: SlideFacts, settings: GridSettings) -> list[str]:
    """The warning where a row's ``mpp`` looks like the slide's own scale, else none.

    TRIDENT's sheets and others have a column ``mpp`` with what the slides' px measure.
    """
    mpp, own = settings.mpp, facts.mpp_x
    if not settings.replaced_scale or mpp is None or own is None or abs(mpp / own - 1) > LIKE_OWN:
        return []
    return [
        f"the sheet's mpp, {mpp:g} µm per px, is about this slide's own scale of {own:.6g}, while "
        f"the config asks for {settings.replaced_scale}: so its tiles are of about full "
        "resolution. If the sheet says what the slide's px measure, rename its column to slide_mpp"
    ]


def _asked(facts: SlideFacts, settings: GridSettings) -> tuple[str, float, float]:
    """What is asked for in words, and as level-0 px per px of the tiles, across and down."""
    if settings.mpp is not None:
        asked = f"mpp {settings.mpp:g}"
        if facts.mpp_x is None or facts.mpp_y is None:
            raise SlideError(
                f"{asked} was asked for, but the slide does not say how many µm its px are. "
                "Give it in a sheet's column slide_mpp, or set downsample instead of mpp."
            )
        return asked, settings.mpp / facts.mpp_x, settings.mpp / facts.mpp_y
    if settings.magnification is not None:
        asked = f"magnification {settings.magnification:g}"
        if facts.objective is None:
            raise SlideError(
                f"{asked} was asked for, but the slide does not say its objective's power. "
                "Set mpp or downsample instead of magnification."
            )
        return asked, *(facts.objective / settings.magnification,) * 2
    return f"downsample {settings.downsample:g}", settings.downsample, settings.downsample


def _snapped(downsample: float) -> float:
    power = 1
    while power * 1.5 < downsample:
        power *= 2
    return power if abs(downsample / power - 1) <= SIX_DIGITS else downsample


def _scale(facts: SlideFacts, settings: GridSettings) -> str:
    if settings.mpp is not None:
        return f"whose px are {facts.mpp_x:.6g} x {facts.mpp_y:.6g} µm"
    return f"whose objective is {facts.objective:g}x"


def _coarsest_allowed(facts: SlideFacts, settings: GridSettings) -> str:
    if settings.mpp is not None:
        return f"mpp to {max(facts.mpp_x or 0, facts.mpp_y or 0):.6g} or more"
    return f"magnification to {facts.objective:g} or less"
