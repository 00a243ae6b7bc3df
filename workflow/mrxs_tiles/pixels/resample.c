/* Pillow's Image.resize(size, LANCZOS, box) of pictures of four bytes a px: the same bytes.

   As Pillow 13 does it (libImaging/Resample.c): a px of the result is a weighted sum of px of the
   source, in one direction, rounded to 8 bits, then in the other, rounded again. Weights are worked
   out in double and rounded to 22 bits. So the sums are of whole numbers, exact in any order: that
   lets them be taken 32 at a time here.

   resample.py owns all arrays; what does not fit is refused. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(NO_CLONES)
#include <immintrin.h>
#endif

#define PI 3.14159265358979323846 /* M_PI, which C itself does not have */
#define SUPPORT 3.0               /* Lanczos: px of the result to either side */
#define BITS 22                   /* of a weight, behind the point */
#define MOST_PX (1 << 24)         /* of a side: a float holds all whole numbers up to here */
#define CHANNELS 4
#define RUN 32 /* bytes that are summed at once */
#define ROWS (RUN / CHANNELS)

enum { DONE, NO_MEMORY, MISFIT };

/* The weights of one direction. Px i of the result is the sum over k < count[i] of
   weights[i * taps + k] times px first[i] + k of the source. */
typedef struct {
    int32_t in, out, taps; /* px of the source, px of the result, room for each one's weights */
    const int32_t *first, *count, *weights;
} Axis;

/* --- the weights -------------------------------------------------------------------------- */

static double sinc(double x) {
    if (x == 0.0) {
        return 1.0;
    }
    x = x * PI;
    return sin(x) / x;
}

static double lanczos(double x) {
    return -SUPPORT <= x && x < SUPPORT ? sinc(x) * sinc(x / SUPPORT) : 0.0;
}

/* Px of the source for one of the result. The box's length is a float, as in Pillow. */
static double scale_of(float start, float end, int32_t out) {
    return (double)(end - start) / out;
}

/* Room that the weights of one px of the result may need; 0: no such box. */
int32_t most_taps(int32_t in, float start, float end, int32_t out) {
    if (in < 1 || in > MOST_PX || out < 1 || out > MOST_PX) {
        return 0;
    }
    if (!(start >= 0 && end >= start && end <= (float)in)) { /* nor is NaN a place */
        return 0;
    }
    double scale = scale_of(start, end, out);
    return (int32_t)ceil(SUPPORT * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
}

/* Fill in the weights of the part start .. end of `in` px, brought to `out` px.
   taps: what most_taps says; first, count: room for `out` numbers; weights: for out * taps. */
int make_weights(int32_t in, float start, float end, int32_t out, int32_t taps, int32_t *first,
                 int32_t *count, int32_t *weights) {
    if (taps < 1 || taps != most_taps(in, start, end, out)) {
        return MISFIT;
    }
    double *exact = malloc(sizeof(double) * (size_t)taps);
    if (exact == NULL) {
        return NO_MEMORY;
    }
    /* Each expression rounds as its like in Pillow: none may be put in another way. */
    double scale = scale_of(start, end, out);
    double wider = scale < 1.0 ? 1.0 : scale;
    double support = SUPPORT * wider, narrower = 1.0 / wider;
    for (int32_t i = 0; i < out; i++) {
        double center = start + (i + 0.5) * scale, sum = 0.0;
        int32_t low = (int32_t)(center - support + 0.5), behind = (int32_t)(center + support + 0.5);
        low = low < 0 ? 0 : low;
        behind = behind > in ? in : behind;
        for (int32_t k = 0; k < behind - low; k++) {
            exact[k] = lanczos((k + low - center + 0.5) * narrower);
            sum += exact[k];
        }
        int32_t *own = weights + (ptrdiff_t)i * taps;
        for (int32_t k = 0; k < behind - low; k++) {
            double weight = (sum != 0.0 ? exact[k] / sum : exact[k]) * (1 << BITS);
            own[k] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
        first[i] = low;
        count[i] = behind - low;
    }
    free(exact);
    return DONE;
}

/* Whether no weight asks for what lies outside the source, or beyond its own room. */
static int fits(const Axis *axis) {
    if (axis->in < 1 || axis->in > MOST_PX || axis->out < 1 || axis->out > MOST_PX) {
        return 0;
    }
    for (int32_t i = 0; i < axis->out; i++) {
        int32_t first = axis->first[i], count = axis->count[i];
        if (first < 0 || count < 1 || count > axis->taps || count > axis->in - first) {
            return 0;
        }
    }
    return 1;
}

/* --- the sums ----------------------------------------------------------------------------- */

/* The weighted sum of `count` runs of RUN bytes, which begin `step` bytes apart. */
typedef void Blend(const uint8_t *from, ptrdiff_t step, int32_t count, const int32_t *weights,
                   uint8_t *to);

static void blend_plainly(const uint8_t *from, ptrdiff_t step, int32_t count,
                          const int32_t *weights, uint8_t *to) {
    uint32_t sums[RUN]; /* unsigned: where weights are wild they wrap, which signed ones may not */
    for (int i = 0; i < RUN; i++) {
        sums[i] = 1u << (BITS - 1);
    }
    for (int32_t k = 0; k < count; k++) {
        uint32_t weight = (uint32_t)weights[k];
        for (int i = 0; i < RUN; i++) {
            sums[i] += weight * from[k * step + i];
        }
    }
    for (int i = 0; i < RUN; i++) {
        int32_t value = (int32_t)sums[i] >> BITS;
        to[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

#if defined(__x86_64__) && !defined(NO_CLONES)
/* The same, 8 sums to a register: what compilers make of the loops above takes 2.5 times as long. */
__attribute__((target("avx2"))) static void blend_avx2(const uint8_t *from, ptrdiff_t step,
                                                       int32_t count, const int32_t *weights,
                                                       uint8_t *to) {
    __m256i half = _mm256_set1_epi32(1 << (BITS - 1));
    __m256i sums[RUN / 8] = {half, half, half, half};
    for (int32_t k = 0; k < count; k++) {
        __m256i weight = _mm256_set1_epi32(weights[k]);
        for (int i = 0; i < RUN / 8; i++) {
            __m128i bytes = _mm_loadl_epi64((const __m128i *)(from + k * step + i * 8));
            __m256i products = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), weight);
            sums[i] = _mm256_add_epi32(sums[i], products);
        }
    }
    for (int i = 0; i < RUN / 8; i++) {
        sums[i] = _mm256_srai_epi32(sums[i], BITS);
    }
    /* To 16 bits, then to 8, both of which clip. They work within halves of a register, so the
       four bytes of a px come out in the order 0 2 4 6 1 3 5 7. */
    __m256i low = _mm256_packs_epi32(sums[0], sums[1]), high = _mm256_packs_epi32(sums[2], sums[3]);
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)to, bytes);
}
#endif

static Blend *fastest(void) {
#if defined(__x86_64__) && !defined(NO_CLONES)
    if (__builtin_cpu_supports("avx2")) {
        return blend_avx2;
    }
#endif
    return blend_plainly;
}

/* --- the two directions ------------------------------------------------------------------- */

/* Bring rows to another width. ROWS of them are laid side by side first, px by px, so that one
   run holds the same px of all of them. turned: room for axis->in runs. */
static void across(Blend *blend, const uint8_t *from, ptrdiff_t stride, int32_t rows,
                   const Axis *axis, uint8_t *turned, uint8_t *to, ptrdiff_t to_stride) {
    for (int32_t top = 0; top < rows; top += ROWS) {
        int32_t some = rows - top < ROWS ? rows - top : ROWS;
        const uint8_t *px[ROWS]; /* where there are fewer, the last one is taken again */
        for (int32_t row = 0; row < ROWS; row++) {
            px[row] = from + (top + (row < some ? row : some - 1)) * stride;
        }
        for (ptrdiff_t x = 0; x < axis->in; x++) {
            for (int32_t row = 0; row < ROWS; row++) {
                memcpy(turned + x * RUN + row * CHANNELS, px[row] + x * CHANNELS, CHANNELS);
            }
        }
        for (ptrdiff_t x = 0; x < axis->out; x++) {
            uint8_t run[RUN];
            blend(turned + (ptrdiff_t)axis->first[x] * RUN, RUN, axis->count[x],
                  axis->weights + x * axis->taps, run);
            for (int32_t row = 0; row < some; row++) {
                memcpy(to + (top + row) * to_stride + x * CHANNELS, run + row * CHANNELS, CHANNELS);
            }
        }
    }
}

/* Bring rows to another number of them. `from` is row `skipped` of the source; its rows are whole
   runs long, however few bytes of the last one count; those of the result need not be. */
static void down(Blend *blend, const uint8_t *from, ptrdiff_t stride, ptrdiff_t length,
                 const Axis *axis, int32_t skipped, uint8_t *to, ptrdiff_t to_stride) {
    for (ptrdiff_t y = 0; y < axis->out; y++) {
        const uint8_t *rows = from + (axis->first[y] - skipped) * stride;
        for (ptrdiff_t i = 0; i < length; i += RUN) {
            uint8_t run[RUN];
            blend(rows + i, stride, axis->count[y], axis->weights + y * axis->taps, run);
            memcpy(to + y * to_stride + i, run, length - i < RUN ? (size_t)(length - i) : RUN);
        }
    }
}

/* Where the parts of the room for what lies between lie, and how long it is, in bytes. */
typedef struct {
    int32_t top, bottom;          /* the rows of the source that count, and the one behind */
    int down_first;
    ptrdiff_t length, stride;     /* of a row between the directions: what counts, and whole runs */
    ptrdiff_t rows, result, size; /* behind the turned px: rows of the source, of the result, all */
} Plan;

static Plan plan_of(const Axis *x, const Axis *y) {
    Plan plan = {.top = y->in};
    for (int32_t i = 0; i < y->out; i++) {
        int32_t behind = y->first[i] + y->count[i];
        plan.top = y->first[i] < plan.top ? y->first[i] : plan.top;
        plan.bottom = behind > plan.bottom ? behind : plan.bottom;
    }
    /* Which goes first counts, since what lies between is rounded. Pillow's rule. */
    plan.down_first = y->out < y->in && y->in - y->out > 2 * (x->in - x->out);
    plan.length = (ptrdiff_t)(plan.down_first ? x->in : x->out) * CHANNELS;
    plan.stride = (plan.length + RUN - 1) / RUN * RUN;
    plan.rows = (ptrdiff_t)x->in * RUN;
    plan.result = plan.rows + (plan.bottom - plan.top) * plan.stride;
    plan.size = plan.result + (plan.down_first ? y->out * plan.stride : 0);
    return plan;
}

/* Bytes that `resample` needs for what lies between; -1: the weights do not fit. */
int64_t room_needed(const Axis *x, const Axis *y) {
    return fits(x) && fits(y) ? plan_of(x, y).size : -1;
}

/* Bring a picture to another size. All that is read of `room` was written before, but for what
   pads its rows: that is summed too, and nobody looks at it.
   from: y->in rows of x->in px, which begin `stride` bytes apart; to: likewise, x->out and y->out;
   room: `room_bytes` bytes. */
int resample(const uint8_t *from, ptrdiff_t stride, const Axis *x, const Axis *y, uint8_t *to,
             ptrdiff_t to_stride, uint8_t *room, int64_t room_bytes) {
    if (!fits(x) || !fits(y)) {
        return MISFIT;
    }
    Plan plan = plan_of(x, y);
    if (room_bytes < plan.size) {
        return MISFIT;
    }
    Blend *blend = fastest();
    uint8_t *rows = room + plan.rows, *result = room + plan.result;
    from += plan.top * stride;
    if (plan.down_first) {
        for (ptrdiff_t row = 0; row < plan.bottom - plan.top; row++) {
            memcpy(rows + row * plan.stride, from + row * stride, (size_t)plan.length);
        }
        down(blend, rows, plan.stride, plan.length, y, plan.top, result, plan.stride);
        across(blend, result, plan.stride, y->out, x, room, to, to_stride);
    } else {
        across(blend, from, stride, plan.bottom - plan.top, x, room, rows, plan.stride);
        down(blend, rows, plan.stride, plan.length, y, plan.top, to, to_stride);
    }
    return DONE;
}
