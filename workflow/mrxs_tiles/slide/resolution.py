"""How much smaller than the slide its tiles are: from what is asked for, and the slide's scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.deep_zoom import largest_downsample
from mrxs_tiles.grid.grid import Downsamples
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.slide.reader import SlideFacts

ASSUMED_MPP = 0.25  # µm per level-0 px of a slide that does not say: most are scanned so

# Part by which a row's mpp differs at most from the slide's own scale that it may mean: sheets have
# 0.25 for a scanner's 0.2325, too.
LIKE_OWN = 0.1
# µm per px. Beyond these no scanner's px are: they were meant in mm, nm or inches.
LEAST_MPP, MOST_MPP = 0.01, 50.0
MOST_TILE_MPP = 200.0  # at more, a whole slide is a few px

# The tables give a slide's mpp with six digits; who copies it from there means it exactly.
SIX_DIGITS = 1e-5

# A slide_mpp that is further from what the slide says is told of.
A_LITTLE = 0.02
# 3DHISTECH's 20x has the px of everybody else's 40x. Cameras and adapters make some difference.
AGREE = 1.25


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
    if min(nearest) < 1 and _is_tolerated(nearest, settings):
        nearest = _own_scale(nearest, settings.mpp_tolerance)
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
                "Give it with slide_mpp, in the config or a sheet's column, or set downsample "
                "instead of mpp."
            )
        return asked, settings.mpp / facts.mpp_x, settings.mpp / facts.mpp_y
    if settings.magnification is not None:
        asked = f"magnification {settings.magnification:g}"
        if facts.objective is None:
            raise SlideError(
                f"{asked} was asked for, but the slide does not say its objective's power. "
                f"Set mpp (usually {10 / settings.magnification:.4g} is meant) or downsample "
                "instead of magnification."
            )
        return asked, *(facts.objective / settings.magnification,) * 2
    return f"downsample {settings.downsample:g}", settings.downsample, settings.downsample


def _is_tolerated(downsamples: Downsamples, settings: GridSettings) -> bool:
    """Whether a slide's own px are coarser than ``mpp`` by no more than ``mpp_tolerance``."""
    if settings.mpp is None:
        return False
    return 1 / min(downsamples) <= (1 + settings.mpp_tolerance) * (1 + 1e-9)


def _own_scale(downsamples: Downsamples, tolerance: float) -> Downsamples:
    """1 where the slide's px are as near to what is asked for as that, finer or coarser."""
    across, down = (1.0 if one <= (1 + tolerance) * (1 + 1e-9) else one for one in downsamples)
    return across, down


def scale_warnings(said: SlideFacts, facts: SlideFacts, settings: GridSettings) -> Iterator[str]:
    """What a user should know of a slide that can be cut: where its scale may not be what is meant.

    Args:
        said: what the slide itself says.
        facts: the same, with the user's ``slide_mpp``.
        settings: what is asked for.
    """
    if settings.slide_mpp is not None and said.mpp_x and said.mpp_y:
        own = (said.mpp_x, said.mpp_y)
        if any(abs(settings.slide_mpp / one - 1) > A_LITTLE for one in own):
            yield (
                f"the scale is slide_mpp, {settings.slide_mpp:.6g} µm per px; the slide itself "
                f"says {own[0]:.6g} x {own[1]:.6g}"
            )
    yield from _odd_scales(facts, settings)
    if settings.mpp is not None and facts.mpp_x and facts.mpp_y:
        asked = (_snapped(settings.mpp / facts.mpp_x), _snapped(settings.mpp / facts.mpp_y))
        if min(asked) < 1 and _is_tolerated(asked, settings):
            yield (
                f"mpp {settings.mpp:g} is finer than the slide's own px, {facts.mpp_x:.6g} x "
                f"{facts.mpp_y:.6g} µm, by {(1 / min(asked) - 1) * 100:.2g} %: it is cut at its "
                f"own scale, as mpp_tolerance {settings.mpp_tolerance:g} allows"
            )
    if settings.magnification is not None and (usual := _usual_power(facts)):
        yield (
            f"magnification {settings.magnification:g} is counted from the objective, "
            f"{facts.objective:g}x, but px of {_mean_mpp(facts):.4g} µm are what is usually called "
            f"{usual:.2g}x: {_meant(settings.magnification)}"
        )
    yield from meant_otherwise(facts, settings)


def _odd_scales(facts: SlideFacts, settings: GridSettings) -> Iterator[str]:
    """Scales that are none of a slide's, so that another unit was meant."""
    mpp = _mean_mpp(facts)
    if mpp is not None and not LEAST_MPP <= mpp <= MOST_MPP:
        whose = "slide_mpp is" if settings.slide_mpp is not None else "the slide says"
        instead = "write it in µm" if settings.slide_mpp is not None else "give it with slide_mpp"
        yield f"{whose} {mpp:.4g} µm per px, as no scanner has: if it is in another unit, {instead}"
    elif settings.mpp is not None and settings.mpp > MOST_TILE_MPP:
        yield (
            f"mpp {settings.mpp:g} asks for px of {settings.mpp / 1000:.3g} mm: it counts in µm, "
            f"so if nm were meant set it to {settings.mpp / 1000:g}"
        )


def _mean_mpp(facts: SlideFacts) -> float | None:
    if not facts.mpp_x or not facts.mpp_y:
        return None
    return math.sqrt(facts.mpp_x * facts.mpp_y)


def _usual_power(facts: SlideFacts) -> float | None:
    """10 / mpp, the power by which most people call such px, where the objective says another."""
    mpp = _mean_mpp(facts)
    if mpp is None or facts.objective is None:
        return None
    power = 10 / mpp
    agrees = 1 / AGREE <= power / facts.objective <= AGREE
    return None if agrees else power


def _meant(magnification: float) -> str:
    mpp = f"{10 / magnification:.4g}"
    return f"if tiles of {mpp} µm per px are meant, set mpp to {mpp} instead of magnification"


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
    least = f"magnification to {facts.objective:g} or less"
    if settings.magnification is not None and _usual_power(facts):
        mpp = max(_mean_mpp(facts) or 0, 10 / settings.magnification)
        least += f", mpp to {mpp:.4g} (what is usually called {10 / mpp:.2g}x)"
    return least
