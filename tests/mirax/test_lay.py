"""The kernel that lays coarser levels: the rule in numpy to the byte, and no px beside it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import level_rule
import needs
from mrxs_tiles import native
from mrxs_tiles.mirax import lay
from mrxs_tiles.mirax.lay import ONE, RIGHT, Kernel, Way, checksum, kernel, without_kernel
from mrxs_tiles.pixels.filters import Words

SOURCE = native.PACKAGE / "mirax" / "lay.c"
needs_kernel = pytest.mark.needs("kernels")
CC = shutil.which("cc") or shutil.which("gcc")
needs_cc = pytest.mark.needs("cc")


def as_bytes(words: Words) -> level_rule.Pixels:
    return words.view(np.uint8).reshape(*words.shape, 4)


def pixels(random: np.random.Generator, height: int, width: int, opaque: bool) -> Words:
    """Px whose colours are multiplied by alpha; some slides' worth of clear and opaque ones."""
    found = random.integers(0, 256, (height, width, 4), np.uint8)
    if random.random() < 0.3:
        found[:] = random.choice(np.array([0, 127, 128, 255], np.uint8), found.shape)
    found[..., 3] = 255 if opaque else found[..., 3]
    words: Words = np.minimum(found, found[..., 3:]).view(np.uint32)[..., 0]
    if not opaque:
        words[random.random(words.shape) < random.random()] = 0
    return words


@st.composite
def cases(draw: st.DrawFn) -> tuple[Words, Words, list[int], bool]:
    """A canvas, an image, a box that fits them, and whether the image is opaque."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 300))
    image_height, image_width = draw(st.integers(1, 40)), draw(st.integers(1, 200))
    opaque = draw(st.booleans())
    way = draw(st.sampled_from(Way))
    fraction = st.one_of(st.sampled_from([0, ONE // 2, ONE // 4]), st.integers(0, ONE - 1))
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    x, y = draw(st.integers(-width, image_width)), draw(st.integers(-height, image_height))
    part_x, part_y = draw(fraction), draw(fraction)
    if way is not Way.BLEND:
        x, y = x % image_width, y % image_height
        rim = int(way is Way.BLEND_INSIDE)
        right, bottom = (
            min(right, left + image_width - rim - x),
            min(bottom, top + image_height - rim - y),
        )
    if way in (Way.COPY, Way.COPY_CUT, Way.ONE_PX):
        part_x = part_y = 0
    if way is Way.ONE_PX:
        right, bottom = left + 1, top + 1
    box = [left, top, right, bottom, x * ONE + part_x, y * ONE + part_y, int(way)]
    image = pixels(random, image_height, image_width, opaque)
    return pixels(random, height, width, opaque=False), image, box, opaque


@pytest.mark.long
@needs_kernel
@given(case=cases())
@settings(max_examples=300, deadline=None)
def test_kernel_is_the_rule(case: tuple[Words, Words, list[int], bool]) -> None:
    """Every way of laying gives the bytes of the rule in plain numpy, whatever lies there."""
    canvas, image, box, opaque = case
    found = kernel()
    assert found is not None
    wanted = canvas.copy()
    level_rule.lay(as_bytes(wanted), as_bytes(image), box)
    found.lay(canvas, image, np.array(box, np.int64), opaque)
    assert np.array_equal(canvas, wanted)


@needs_kernel
def test_pieces_between_px() -> None:
    """A piece cut out between px has the rule's weights of 7 bits, and alpha at its rim."""
    found = kernel()
    assert found is not None
    image = pixels(np.random.default_rng(0), 33, 47, opaque=True)
    for x, y in ((23.5, 0.0), (0.0, 16.5), (35.25, 24.75)):
        piece = found.piece(image, (x, y), (12, 9))
        at = round(x * ONE), round(y * ONE)
        four = level_rule.samples(as_bytes(image), *at, 12, 9)
        assert np.array_equal(as_bytes(piece), level_rule.blend_7_bits(four, *at))


def test_halves_need_no_floats() -> None:
    """At halves every tie of four px, and every pair, gives what floats give."""
    unit = level_rule.UNIT
    byte = np.arange(256, dtype=np.float32) * unit
    one, other = np.meshgrid(byte, byte)
    pairs = np.minimum(255, ((one * np.float32(0.5) + other * np.float32(0.5)) * 256).astype(int))
    total = np.add.outer(np.arange(256), np.arange(256))
    assert np.array_equal(pairs, total + (total + 1 >> 8) >> 1)
    quarter = np.float32(0.25)
    a, b, c = np.meshgrid(*[np.arange(0, 256, 3)] * 3)
    for tie in range(0, 1021, 255):  # elsewhere floats are not near a whole number
        d = tie - a - b - c
        valid = (d >= 0) & (d <= 255)
        four = [px[valid].astype(np.float32) * unit * quarter for px in (a, b, c, d)]
        value = ((four[0] + four[1]) + four[2]) + four[3]
        assert (np.minimum(255, (value * 256).astype(int)) == (tie + (tie + 3 >> 8) >> 2)).all()


class Plain:
    """The rule in numpy, used like the kernel."""

    def lay(self, canvas: Words, image: Words, box: np.ndarray, opaque: bool) -> None:
        assert opaque
        level_rule.lay(as_bytes(canvas), as_bytes(image), box.tolist())


def test_checksum_is_the_rules() -> None:
    """What the kernel is measured by once a process is what the rule in numpy gives."""
    assert checksum(Plain()) == RIGHT  # type: ignore[arg-type]


def compiled(to: Path, *options: str, source: str | None = None) -> ctypes.CDLL:
    """The kernel, compiled from a text of its own or with other options."""
    path, library = to / "lay.c", to / "lay.so"
    path.write_text(SOURCE.read_text() if source is None else source)
    command = [str(CC), "-O3", "-shared", "-fPIC", "-DNO_CLONES", *options, f"-I{native.PACKAGE}"]
    subprocess.run([*command, path, "-o", library], check=True, capture_output=True)
    return ctypes.CDLL(str(library))


WRONG = {
    "order of the sum": (
        "        sum = sum + term;\n        term = below[i] * w2;\n        sum = sum + term;\n"
        "        term = below[i + 4] * w3;\n        sum = sum + term;",
        "        sum = sum + (term + (below[i] * w2 + below[i + 4] * w3));",
    ),
    "7 bits": ("float x = (float)(from_x & (ONE - 1))", "float x = (float)(from_x & 65024)"),
    "a byte rounded": ("(int)(sum * 256.0f)", "(int)(sum * 255.0f + 0.5f)"),
    "alpha left out": ("part = (1.0f - there_alpha) / alpha", "part = 1.0f - there_alpha"),
}


@pytest.mark.slow
@needs_cc
def test_kernels_that_round_otherwise(tmp_path: Path) -> None:
    """A kernel whose arithmetic is another's is found out before it is used."""
    text = SOURCE.read_text()
    assert checksum(Kernel(compiled(tmp_path, "-ffp-contract=off"))) == RIGHT
    for wrong, (old, new) in WRONG.items():
        assert text.count(old) == 1
        (tmp_path / wrong).mkdir()
        library = compiled(tmp_path / wrong, "-ffp-contract=off", source=text.replace(old, new))
        assert checksum(Kernel(library)) != RIGHT, wrong


@pytest.mark.slow
@needs_cc
def test_fused_multiply_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a compiler fuses multiply and add the kernel is not used, and it is said why."""
    cpu = Path("/proc/cpuinfo")
    if not (cpu.exists() and " fma " in cpu.read_text()):
        pytest.skip("this processor has no such instruction, or does not say")
    library = compiled(tmp_path, "-mfma", "-ffp-contract=fast")
    monkeypatch.setattr(native, "load", lambda _: library)
    kernel.cache_clear()
    try:
        assert kernel() is None
        assert without_kernel() == (
            "the kernel that lays coarser levels rounds otherwise on this machine"
        )
    finally:
        kernel.cache_clear()


@needs_kernel
@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 11, 5, 0, 0, Way.COPY], "canvas"),
        ([-1, 0, 5, 5, 0, 0, Way.BLEND], "canvas"),
        ([0, 0, 10, 5, 5 * ONE, 0, Way.COPY], "image"),
        ([0, 0, 5, 5, 0, -ONE, Way.COPY_CUT], "image"),
        ([0, 0, 8, 5, ONE // 2, 0, Way.BLEND_INSIDE], "image"),
        ([0, 0, 2, 1, 0, 0, Way.ONE_PX], "one px"),
        ([0, 0, 1, 1, 0, 0, 9], "no such way"),
    ],
)
def test_boxes_that_do_not_fit(box: list[int], message: str) -> None:
    """What lies beside the arrays is refused, and nothing is touched."""
    found = kernel()
    assert found is not None
    canvas, image = np.zeros((6, 10), np.uint32), np.full((6, 8), 0xFF112233, np.uint32)
    with pytest.raises(ValueError, match=r"on \(6, 10\) from \(6, 8\)"):
        found.lay(canvas, image, np.array(box, np.int64), opaque=True)
    assert not canvas.any(), message


DRIVER = r"""
#include "lay.c"
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 88172645463325252u;
static int64_t drawn(int64_t least, int64_t most)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return least + (int64_t)(state % (uint64_t)(most - least + 1));
}
/* Memory of exactly the size that the numbers say, so that a px beside it is seen. */
static uint32_t *array(int64_t width, int64_t height, int64_t stride)
{
    size_t count = (size_t)((height - 1) * stride + width);
    uint32_t *px = malloc(count * 4);
    uint32_t alpha = drawn(0, 1) ? 0xFF000000u : 0;
    for (size_t i = 0; i < count; i++)
        px[i] = drawn(0, 3) ? 0 : alpha | (uint32_t)state;
    return px;
}
int main(void)
{
    int laid = 0;
    for (int i = 0; i < 60000; i++) {
        int64_t w = drawn(1, 300), h = drawn(1, 9), stride = w + drawn(0, 3);
        int64_t iw = drawn(1, 40), ih = drawn(1, 9), image_stride = iw + drawn(0, 3);
        uint32_t *canvas = array(w, h, stride), *image = array(iw, ih, image_stride);
        int64_t box[7] = {drawn(-1, w), drawn(-1, h), drawn(-1, w + 1), drawn(-1, h + 1),
                          drawn(-50 * ONE, 50 * ONE), drawn(-12 * ONE, 12 * ONE), drawn(-1, 5)};
        if (drawn(0, 1)) box[4] &= -32768, box[5] &= -32768;
        if (!drawn(0, 200)) box[4] = INT64_MIN, box[5] = INT64_MAX;
        if (!drawn(0, 200)) box[drawn(0, 5)] = drawn(0, 1) ? INT64_MAX : INT64_MIN;
        laid += !lay(canvas, w, h, stride, image, iw, ih, image_stride, (int)drawn(0, 1), box);
        if (!drawn(0, 9)) {
            uint32_t *out = array(w, h, w);
            cut(out, w, h, image, iw, ih, image_stride, box[4], box[5]);
            free(out);
        }
        lay(canvas, drawn(-1, 0), h, stride, image, iw, ih, drawn(-1, iw - 1), 1, box);
        free(canvas), free(image);
    }
    printf("%d laid\n", laid);
    return 0;
}
"""


@pytest.mark.slow
@needs_cc
def test_no_px_beside_the_arrays(tmp_path: Path) -> None:
    """Whatever the sizes, strides, places and ways: no read or write outside, no undefined step."""
    needs.require("sanitizers")
    (tmp_path / "driver.c").write_text(DRIVER)
    command: list[str | Path] = [
        *(str(CC), "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        *("-DNO_CLONES", f"-I{native.PACKAGE}", f"-I{SOURCE.parent}", tmp_path / "driver.c"),
        *("-o", tmp_path / "driver"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run([tmp_path / "driver"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    assert int(done.stdout.split()[0]) > 10000


def test_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where kernels are switched off there is none, and it is said why."""
    monkeypatch.setattr(lay.native, "load", lambda _: None)
    kernel.cache_clear()
    try:
        assert without_kernel() == "the kernel that lays coarser levels is not built here"
    finally:
        kernel.cache_clear()
