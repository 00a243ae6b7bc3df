/* What every kernel begins with. See docs/decisions/12-kernels.md. */
#ifndef MRXS_TILES_NATIVE_H
#define MRXS_TILES_NATIVE_H

/* Before a function that is worth it: compiled for AVX2 too, and chosen when the library is
   loaded. Where the compiler or the C library knows no such functions it is compiled once, for
   every processor of its kind (NO_CLONES: see native.py). */
#if defined(__x86_64__) && defined(__linux__) && !defined(NO_CLONES)
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif

#endif
