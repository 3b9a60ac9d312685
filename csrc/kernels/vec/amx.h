#pragma once

#include <cstdint>

#include "kernels/table.h"
#include "kernels/vec/avx512.h"

// The tiles of Intel AMX, in assembly: GCC 12's intrinsics tell the compiler
// too little about the memory that they read (its configuration is optimised
// away, stores pass loads).
namespace pyattn::amx {

struct Tiles {
  // Makes every tile one of 16 rows of 64 bytes.
  static void configure() {
    // Intel SDM, "LDTILECFG": palette, row to restart at, and from byte 16 and
    // 48 on the bytes of a row and the rows of each tile.
    alignas(64) uint8_t config[64] = {};
    config[0] = 1;
    for (int tile = 0; tile < 8; ++tile) {
      config[16 + 2 * tile] = 64;
      config[48 + tile] = 16;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
  }
  // Gives back the thread's tiles, which would be saved at every switch.
  static void release() { __asm__ volatile("tilerelease"); }

  template <int kTile>
  static void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  // Rows are `stride` bytes apart.
  template <int kTile>
  static void load(const char* from, int64_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2"
                     :
                     : "r"(from), "r"(stride), "i"(kTile)
                     : "memory");
  }
  template <int kTile>
  static void store(char* to, int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)"
                     :
                     : "r"(to), "r"(stride), "i"(kTile)
                     : "memory");
  }
  // Unsigned bytes of kA times signed bytes of kB, four to a sum.
  template <int kSum, int kA, int kB>
  static void dot_int8() {
    __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0"
                     :
                     : "i"(kSum), "i"(kA), "i"(kB));
  }
  // Pairs of bfloat16; sums in float32.
  template <int kSum, int kA, int kB>
  static void dot_bfloat16() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0"
                     :
                     : "i"(kSum), "i"(kA), "i"(kB));
  }
};

// What linear_tiles asks of a number type; `Product` is the same for vectors,
// which turns sums into values.
template <class Product>
struct TiledInt8 : Product {
  using Tiles = amx::Tiles;

  template <int kSum, int kA, int kB>
  static void dot() {
    Tiles::dot_int8<kSum, kA, kB>();
  }
};

template <class Product>
struct TiledBFloat16 : Product {
  using Tiles = amx::Tiles;

  template <int kSum, int kA, int kB>
  static void dot() {
    Tiles::dot_bfloat16<kSum, kA, kB>();
  }
};

}  // namespace pyattn::amx
