/* Lays decoded stored images on a canvas exactly as OpenSlide's cairo and pixman do.

   A px is a uint32: blue in the low byte, green, red, then alpha; colours are multiplied by alpha.
   Strides are in px. A new image goes UNDER what lies on the canvas (operator SATURATE), so what is
   opaque stays as it is, and what is clear gets the image's value; only in between is there any
   arithmetic with both. docs/decisions/11 says where each rule comes from.

   Floats: every sum is written out in pixman's order and must not be contracted to fused
   multiply-adds (compile with -ffp-contract=off), nor be kept in wider registers.

   Nothing outside the arrays is read or written, whatever the numbers: lay() checks them all. */

#include "native.h"

#include <stdint.h>
#include <string.h>

#define ONE 65536               /* samples' places are in 1/65536 px */
#define STRIP 128               /* px of a row that are turned to floats together: fit a core's cache */
#define GROUP 8                 /* px that are looked at together */
#define MOST (1 << 30)          /* px of a side; keeps all sums of px within int64 */

enum { COPY, COPY_CUT, BLEND, BLEND_INSIDE, ONE_PX }; /* lay.py's Way */

typedef struct {
    const uint32_t *px;
    int64_t width, height, stride;
    int opaque; /* every alpha is 255 */
} Image;

static const float UNIT = 1.0f / 255.0f;

static unsigned byte_of(uint32_t px, int channel) { return px >> (8 * channel) & 255; }

/* a * b / 255, rounded: pixman's MUL_UN8. */
static unsigned div_255(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;
    return (t + (t >> 8)) >> 8;
}

/* 8 bits: the canvas' px plus what of the new one shows through it. */
static uint32_t over_reverse(uint32_t there, uint32_t under)
{
    unsigned free = 255 - (there >> 24);
    uint32_t out = 0;
    for (int c = 0; c < 4; c++) {
        unsigned sum = byte_of(there, c) + div_255(byte_of(under, c), free);
        out |= (uint32_t)(sum > 255 ? 255 : sum) << (8 * c);
    }
    return out;
}

/* A float of 0 to 1 as a byte: 256 steps, the last of them closed. */
static unsigned to_byte(float value)
{
    int step = (int)(value * 256.0f);
    return step > 255 ? 255 : (unsigned)step;
}

/* How much of a colour with this alpha fits under a px with that alpha. */
static float room(float there_alpha, float alpha)
{
    float part;
    if (alpha < 1.17549435e-38f) /* pixman's zero: the least normal float */
        return 1.0f;
    part = (1.0f - there_alpha) / alpha;
    return part < 0.0f ? 0.0f : part > 1.0f ? 1.0f : part;
}

/* Floats: pixman's SATURATE. under: blue, green, red, alpha. */
static uint32_t saturate(uint32_t there, const float *under)
{
    float part = room((float)(there >> 24) * UNIT, under[3]);
    uint32_t out = 0;
    for (int c = 0; c < 4; c++) {
        float product = under[c] * part;
        float sum = product + (float)byte_of(there, c) * UNIT;
        out |= (uint32_t)to_byte(sum < 1.0f ? sum : 1.0f) << (8 * c);
    }
    return out;
}

/* The px at a place of an image; outside it there is nothing. */
static uint32_t at(const Image *image, int64_t x, int64_t y)
{
    if (x < 0 || y < 0 || x >= image->width || y >= image->height)
        return 0;
    return image->px[y * image->stride + x];
}

/* The weights of the px above left, above right, below left, below right. */
static void float_weights(int64_t from_x, int64_t from_y, float *weight)
{
    float x = (float)(from_x & (ONE - 1)) / 65536.0f, y = (float)(from_y & (ONE - 1)) / 65536.0f;
    weight[0] = (1.0f - x) * (1.0f - y);
    weight[1] = x * (1.0f - y);
    weight[2] = (1.0f - x) * y;
    weight[3] = x * y;
}

static float weighted(float a, float b, float c, float d, const float *weight)
{
    float sum = a * weight[0], term = b * weight[1];
    sum = sum + term;
    term = c * weight[2];
    sum = sum + term;
    term = d * weight[3];
    return sum + term;
}

/* One px between four, in floats, laid under what is there. */
static uint32_t blend_px(uint32_t there, const Image *image, int64_t x, int64_t y, const float *weight)
{
    uint32_t a = at(image, x, y), b = at(image, x + 1, y);
    uint32_t c = at(image, x, y + 1), d = at(image, x + 1, y + 1);
    float under[4];
    for (int i = 0; i < 4; i++)
        under[i] = weighted((float)byte_of(a, i) * UNIT, (float)byte_of(b, i) * UNIT,
                            (float)byte_of(c, i) * UNIT, (float)byte_of(d, i) * UNIT, weight);
    return saturate(there, under);
}

/* One px between four with weights of 7 bits: pixman's way where no floats are needed. */
static uint32_t blend_7_bits(const Image *image, int64_t x, int64_t y, unsigned x7, unsigned y7)
{
    uint32_t a = at(image, x, y), b = at(image, x + 1, y);
    uint32_t c = at(image, x, y + 1), d = at(image, x + 1, y + 1), out = 0;
    for (int i = 0; i < 4; i++) {
        unsigned above = byte_of(a, i) * (128 - x7) + byte_of(b, i) * x7;
        unsigned below = byte_of(c, i) * (128 - x7) + byte_of(d, i) * x7;
        out |= (uint32_t)((above * (128 - y7) + below * y7) >> 14) << (8 * i);
    }
    return out;
}

/* Rows of bytes in which nothing lies under or over: these loops are what the time goes to, and
   are written so that compilers turn them into vector instructions. count: bytes. */

/* Half a px beside, across and down. In floats this is exactly: sum / 4 * 256 / 255, cut. */
CLONES static void halves_both(uint8_t *restrict out, const uint8_t *restrict above,
                        const uint8_t *restrict below, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint16_t sum = (uint16_t)(above[i] + above[i + 4] + below[i] + below[i + 4]);
        out[i] = (uint8_t)((sum + ((sum + 3) >> 8)) >> 2);
    }
}

/* Half a px beside in one direction: b lies beside a. */
CLONES static void halves_one(uint8_t *restrict out, const uint8_t *restrict a,
                       const uint8_t *restrict b, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint16_t sum = (uint16_t)(a[i] + b[i]);
        out[i] = (uint8_t)((sum + ((sum + 1) >> 8)) >> 1);
    }
}

CLONES static void to_floats(float *restrict out, const uint8_t *restrict bytes, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)bytes[i] * UNIT;
}

CLONES static void blend_row(uint8_t *restrict out, const float *restrict above,
                      const float *restrict below, const float *weight, float part, int64_t count)
{
    float w0 = weight[0], w1 = weight[1], w2 = weight[2], w3 = weight[3];
    for (int64_t i = 0; i < count; i++) {
        float sum = above[i] * w0, term = above[i + 4] * w1;
        int step;
        sum = sum + term;
        term = below[i] * w2;
        sum = sum + term;
        term = below[i + 4] * w3;
        sum = sum + term;
        sum = sum * part;
        sum = sum < 1.0f ? sum : 1.0f;
        step = (int)(sum * 256.0f);
        out[i] = (uint8_t)(step > 255 ? 255 : step);
    }
}

CLONES static void blend_row_7_bits(uint8_t *restrict out, const uint8_t *restrict above,
                             const uint8_t *restrict below, unsigned x7, unsigned y7, int64_t count)
{
    uint16_t top = (uint16_t)(128 - y7), bottom = (uint16_t)y7;
    uint32_t left = 128 - x7, right = x7;
    for (int64_t i = 0; i < count; i++) {
        uint16_t here = (uint16_t)(above[i] * top + below[i] * bottom);
        uint16_t beside = (uint16_t)(above[i + 4] * top + below[i + 4] * bottom);
        out[i] = (uint8_t)((here * left + beside * right) >> 14);
    }
}

/* How many px from here on are clear, at most count; looked at in groups, most of which are alike. */
static int64_t clear_run(const uint32_t *px, int64_t count)
{
    int64_t i = 0;
    while (i + GROUP <= count) {
        uint32_t any = 0;
        for (int k = 0; k < GROUP; k++)
            any |= px[i + k];
        if (any)
            break;
        i += GROUP;
    }
    while (i < count && !px[i])
        i++;
    return i;
}

/* How many px from here on are opaque, and so stay as they are. */
static int64_t opaque_run(const uint32_t *px, int64_t count)
{
    int64_t i = 0;
    while (i + GROUP <= count) {
        uint32_t all = 0xFF000000u;
        for (int k = 0; k < GROUP; k++)
            all &= px[i + k];
        if (all != 0xFF000000u)
            break;
        i += GROUP;
    }
    while (i < count && px[i] >> 24 == 255)
        i++;
    return i;
}

/* A row of the canvas under which px of an image go as they are. */
static void copy_row(uint32_t *row, const uint32_t *px, int64_t count, int floats)
{
    for (int64_t i = 0; i < count;) {
        int64_t run = clear_run(row + i, count - i);
        if (run) {
            memcpy(row + i, px + i, (size_t)run * 4);
            i += run;
            continue;
        }
        i += opaque_run(row + i, count - i);
        if (i == count || !row[i])
            continue;
        if (floats) {
            float under[4];
            for (int c = 0; c < 4; c++)
                under[c] = (float)byte_of(px[i], c) * UNIT;
            row[i] = saturate(row[i], under);
        } else {
            row[i] = over_reverse(row[i], px[i]);
        }
        i++;
    }
}

/* A single px of a single sample: cairo makes it a plain colour of 16 bits. */
static uint32_t one_px(uint32_t there, uint32_t px)
{
    float under[4];
    if (px >> 24 == 255)
        return over_reverse(there, px);
    if (!(px >> 24))
        return there;
    for (int c = 0; c < 4; c++)
        under[c] = (float)(byte_of(px, c) * 257) * (1.0f / 65535.0f);
    return saturate(there, under);
}

/* count px of a row between the image's px, in floats. x, y: the first sample, above left.
   inner_first, inner_end: px all of whose samples lie inside the image; floats: its rows y and
   y + 1 from the sample of inner_first on, or NULL where they are not needed. */
typedef struct {
    const float *above, *below;
    float weight[4], part; /* part: of the colour that fits on a clear canvas */
    int half_x, half_y, whole_x, whole_y;
} Blend;

static void blend_run(uint32_t *row, const Image *image, int64_t x, int64_t y, int64_t run,
                      const Blend *how, int64_t float_at)
{
    const uint8_t *above = (const uint8_t *)(image->px + y * image->stride + x);
    const uint8_t *below = above + image->stride * 4;
    uint8_t *out = (uint8_t *)row;
    if (how->half_x && how->half_y)
        halves_both(out, above, below, run * 4);
    else if (how->half_x && how->whole_y)
        halves_one(out, above, above + 4, run * 4);
    else if (how->whole_x && how->half_y)
        halves_one(out, above, below, run * 4);
    else
        blend_row(out, how->above + 4 * float_at, how->below + 4 * float_at, how->weight,
                  how->part, run * 4);
}

static void blend(uint32_t *canvas, int64_t canvas_stride, int64_t width, int64_t height,
                  const Image *image, int64_t from_x, int64_t from_y)
{
    int64_t x0 = from_x >> 16, y0 = from_y >> 16;
    float floats[2][4 * (STRIP + 1)];
    int64_t inner_first = x0 < 0 ? -x0 : 0, inner_end = image->width - 1 - x0;
    int64_t x_frac = from_x & (ONE - 1), y_frac = from_y & (ONE - 1);
    Blend how;
    int needs_floats;
    float_weights(from_x, from_y, how.weight);
    how.part = room(0.0f, weighted(1.0f, 1.0f, 1.0f, 1.0f, how.weight));
    how.half_x = x_frac == ONE / 2, how.half_y = y_frac == ONE / 2;
    how.whole_x = !x_frac, how.whole_y = !y_frac;
    needs_floats = !(how.half_x && (how.half_y || how.whole_y)) && !(how.whole_x && how.half_y);
    if (inner_end > width)
        inner_end = width;
    if (!image->opaque) /* each px has an alpha of its own: one by one */
        inner_end = inner_first;
    for (int64_t strip = 0; strip < width; strip += STRIP) {
        int64_t end = strip + STRIP < width ? strip + STRIP : width;
        int64_t first = inner_first > strip ? inner_first : strip;
        int64_t last = inner_end < end ? inner_end : end;
        int64_t ready = -2; /* the image's row of which floats[1] holds the px */
        for (int64_t j = 0; j < height; j++) {
            uint32_t *row = canvas + j * canvas_stride;
            int64_t y = y0 + j;
            int inside = y >= 0 && y + 1 < image->height && first < last;
            if (inside && needs_floats) {
                const uint32_t *px = image->px + y * image->stride + x0 + first;
                int64_t count = 4 * (last - first + 1);
                if (ready == y)
                    memcpy(floats[0], floats[1], (size_t)count * sizeof(float));
                else
                    to_floats(floats[0], (const uint8_t *)px, count);
                to_floats(floats[1], (const uint8_t *)(px + image->stride), count);
                ready = y + 1;
                how.above = floats[0], how.below = floats[1];
            }
            for (int64_t i = strip; i < end;) {
                if (inside && i >= first && i < last) {
                    int64_t run = clear_run(row + i, last - i);
                    if (run) {
                        blend_run(row + i, image, x0 + i, y, run, &how, i - first);
                        i += run;
                        continue;
                    }
                }
                i += opaque_run(row + i, end - i);
                if (i < end && !(inside && i >= first && i < last && !row[i])) {
                    row[i] = blend_px(row[i], image, x0 + i, y, how.weight);
                    i++;
                }
            }
        }
    }
}

static void blend_inside(uint32_t *canvas, int64_t canvas_stride, int64_t width, int64_t height,
                         const Image *image, int64_t from_x, int64_t from_y)
{
    int64_t x = from_x >> 16, y = from_y >> 16;
    unsigned x7 = (unsigned)(from_x & (ONE - 1)) >> 9, y7 = (unsigned)(from_y & (ONE - 1)) >> 9;
    for (int64_t j = 0; j < height; j++) {
        uint32_t *row = canvas + j * canvas_stride;
        const uint32_t *px = image->px + (y + j) * image->stride + x;
        for (int64_t i = 0; i < width;) {
            int64_t run = clear_run(row + i, width - i);
            if (run) {
                blend_row_7_bits((uint8_t *)(row + i), (const uint8_t *)(px + i),
                                 (const uint8_t *)(px + i + image->stride), x7, y7, run * 4);
                i += run;
                continue;
            }
            i += opaque_run(row + i, width - i);
            if (i == width || !row[i])
                continue;
            row[i] = over_reverse(row[i], blend_7_bits(image, x + i, y + j, x7, y7));
            i++;
        }
    }
}

static int is_array(const void *px, int64_t width, int64_t height, int64_t stride)
{
    return px && width > 0 && height > 0 && width <= MOST && height <= MOST && stride >= width &&
           stride <= MOST;
}

/* Lay an image, or a piece of one, under what lies on a canvas.

   box: left, top, right, bottom, px of the canvas; the place in the image of the first sample,
   across and down, 1/65536 px; how (see above). All of them as lay.boxes() gives them.
   opaque: every alpha in the image is 255.
   Returns 0, or -1 where the numbers do not fit the arrays: then nothing is touched. */
int lay(uint32_t *canvas, int64_t canvas_width, int64_t canvas_height, int64_t canvas_stride,
        const uint32_t *px, int64_t image_width, int64_t image_height, int64_t image_stride,
        int opaque, const int64_t *box)
{
    Image image = {px, image_width, image_height, image_stride, opaque};
    int64_t left, top, width, height, x, y;
    uint32_t *corner;
    if (!is_array(canvas, canvas_width, canvas_height, canvas_stride) ||
        !is_array(px, image_width, image_height, image_stride) || !box)
        return -1;
    left = box[0], top = box[1];
    if (left < 0 || top < 0 || box[2] > canvas_width || box[3] > canvas_height)
        return -1;
    if (left >= box[2] || top >= box[3])
        return 0;
    width = box[2] - left, height = box[3] - top;
    x = box[4] >> 16, y = box[5] >> 16; /* down to whole px, also below 0 */
    corner = canvas + top * canvas_stride + left;
    switch (box[6]) {
    case COPY:
    case COPY_CUT:
        if (x < 0 || y < 0 || x + width > image_width || y + height > image_height)
            return -1;
        for (int64_t j = 0; j < height; j++)
            copy_row(corner + j * canvas_stride, px + (y + j) * image_stride + x, width,
                     box[6] == COPY_CUT);
        return 0;
    case BLEND:
        blend(corner, canvas_stride, width, height, &image, box[4], box[5]);
        return 0;
    case BLEND_INSIDE:
        if (x < 0 || y < 0 || x + width >= image_width || y + height >= image_height)
            return -1;
        blend_inside(corner, canvas_stride, width, height, &image, box[4], box[5]);
        return 0;
    case ONE_PX:
        if (width != 1 || height != 1)
            return -1;
        *corner = one_px(*corner, at(&image, x, y));
        return 0;
    default:
        return -1;
    }
}

/* Copy a piece that begins between an image's px out of it, with weights of 7 bits.

   out: width x height px, edge to edge. from_x, from_y: where it begins, 1/65536 px.
   Returns 0, or -1 where the numbers do not fit the arrays. */
int cut(uint32_t *out, int64_t width, int64_t height, const uint32_t *px, int64_t image_width,
        int64_t image_height, int64_t image_stride, int64_t from_x, int64_t from_y)
{
    Image image = {px, image_width, image_height, image_stride, 1};
    unsigned x7 = (unsigned)(from_x & (ONE - 1)) >> 9, y7 = (unsigned)(from_y & (ONE - 1)) >> 9;
    if (!is_array(out, width, height, width) ||
        !is_array(px, image_width, image_height, image_stride))
        return -1;
    for (int64_t j = 0; j < height; j++)
        for (int64_t i = 0; i < width; i++)
            out[j * width + i] =
                blend_7_bits(&image, (from_x >> 16) + i, (from_y >> 16) + j, x7, y7);
    return 0;
}
