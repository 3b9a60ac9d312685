#pragma once

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "peaks.h"

// The part of peaks.cc that is written in the instructions of x86-64.
namespace {

// Enough independent sums for two instructions a cycle that take up to five
// cycles each; with their operands they fit the 16 registers of AVX2.
constexpr int kSums = 12;
constexpr int kRounds = 8;  // of all sums, for each jump back
constexpr double kSteps = kSums * kRounds;

// A function of independent chains of one operation: %0 is a sum, %1 free, %2
// to %4 are operands. A macro, since only literals name targets and
// constraints.
#define PYATTN_CHAINS(name, features, Vector, kind, operation)   \
  [[gnu::target(features)]] void name(int64_t count) {           \
    Vector sums[kSums] = {}, free;                               \
    const Vector a = {}, b = {}, c = {};                         \
    for (int64_t i = 0; i < count * kRounds; ++i) {              \
      _Pragma("GCC unroll 12") for (int s = 0; s < kSums; ++s) { \
        asm volatile(operation                                   \
                     : "+" kind(sums[s]), "=&" kind(free)        \
                     : kind(a), kind(b), kind(c));               \
      }                                                          \
    }                                                            \
  }

// Without FMA a multiply-add is two instructions, and a copy that costs little.
PYATTN_CHAINS(sse2_float32, "sse2", __m128, "x",
              "movaps %2, %1\n\tmulps %3, %1\n\taddps %1, %0")
// Of int8 that were widened to 16 bits.
PYATTN_CHAINS(sse2_int8, "sse2", __m128i, "x",
              "movdqa %2, %1\n\tpmaddwd %3, %1\n\tpaddd %1, %0")
PYATTN_CHAINS(avx2_float32, "avx2,fma", __m256, "x", "vfmadd231ps %2, %3, %0")
PYATTN_CHAINS(avx512_float32, "avx512f", __m512, "v", "vfmadd231ps %2, %3, %0")
PYATTN_CHAINS(avx512_bf16_bfloat16, "avx512f", __m512, "v",
              "vdpbf16ps %2, %3, %0")
// Without VNNI a dot product of int8 is three instructions, whose first one
// saturates at 16 bits; two products of 7 and 8 bits fit.
PYATTN_CHAINS(avx2_int8, "avx2", __m256i, "x",
              "vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\t"
              "vpaddd %1, %0, %0")
PYATTN_CHAINS(avx512_int8, "avx512f,avx512bw", __m512i, "v",
              "vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\t"
              "vpaddd %1, %0, %0")
PYATTN_CHAINS(avx_vnni_int8, "avx2", __m256i, "x",
              "%{vex%} vpdpbusd %2, %3, %0")
PYATTN_CHAINS(avx512_vnni_int8, "avx512f", __m512i, "v", "vpdpbusd %2, %3, %0")

#undef PYATTN_CHAINS

// A whole tile times a whole tile: 16 x 16 sums of 64 bytes.
constexpr int kTileSums = 6;
constexpr double kTileBytes = 16 * 16 * 64.0;

// Eight tiles of 16 rows and 64 bytes, all zero.
void configure_tiles() {
  alignas(64) uint8_t config[64] = {};
  config[0] = 1;  // the palette; bytes 16 to 31 are widths, from 48 on heights
  for (int tile = 0; tile < 8; ++tile) {
    config[16 + 2 * tile] = 64;
    config[48 + tile] = 16;
  }
  asm volatile("ldtilecfg %0" : : "m"(config));
}

void amx_int8(int64_t count) {
  configure_tiles();
  for (int64_t i = 0; i < count; ++i) {
    asm volatile(
        "tdpbssd %tmm7, %tmm6, %tmm0\n\ttdpbssd %tmm7, %tmm6, %tmm1\n\t"
        "tdpbssd %tmm7, %tmm6, %tmm2\n\ttdpbssd %tmm7, %tmm6, %tmm3\n\t"
        "tdpbssd %tmm7, %tmm6, %tmm4\n\ttdpbssd %tmm7, %tmm6, %tmm5");
  }
  asm volatile("tilerelease");
}

void amx_bfloat16(int64_t count) {
  configure_tiles();
  for (int64_t i = 0; i < count; ++i) {
    asm volatile(
        "tdpbf16ps %tmm7, %tmm6, %tmm0\n\ttdpbf16ps %tmm7, %tmm6, %tmm1\n\t"
        "tdpbf16ps %tmm7, %tmm6, %tmm2\n\ttdpbf16ps %tmm7, %tmm6, %tmm3\n\t"
        "tdpbf16ps %tmm7, %tmm6, %tmm4\n\ttdpbf16ps %tmm7, %tmm6, %tmm5");
  }
  asm volatile("tilerelease");
}

// A bit of CPUID's leaf 7: register 0 is EAX, 3 is EDX.
bool leaf7(unsigned subleaf, int reg, int bit) {
  unsigned registers[4] = {};
  return __get_cpuid_count(7, subleaf, &registers[0], &registers[1],
                           &registers[2], &registers[3]) != 0 &&
         (registers[reg] >> bit & 1) != 0;
}

// Linux lends a process the tiles' state only when asked.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

[[gnu::target("avx512f")]] void read_avx512(int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t at = 0; at < g_memory.bytes; at += 512) {
#pragma GCC unroll 8
      for (int line = 0; line < 8; ++line) {
        __m512i data;
        asm volatile("vmovdqa64 %1, %0"
                     : "=v"(data)
                     : "m"(*reinterpret_cast<const __m512i*>(g_memory.begin +
                                                             at + line * 64)));
      }
    }
  }
}

[[gnu::target("avx2")]] void read_avx2(int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t at = 0; at < g_memory.bytes; at += 512) {
#pragma GCC unroll 16
      for (int half = 0; half < 16; ++half) {
        __m256i data;
        asm volatile("vmovdqa %1, %0"
                     : "=x"(data)
                     : "m"(*reinterpret_cast<const __m256i*>(g_memory.begin +
                                                             at + half * 32)));
      }
    }
  }
}

void read_sse2(int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t at = 0; at < g_memory.bytes; at += 512) {
#pragma GCC unroll 32
      for (int quarter = 0; quarter < 32; ++quarter) {
        __m128i data;
        asm volatile("movdqa %1, %0"
                     : "=x"(data)
                     : "m"(*reinterpret_cast<const __m128i*>(
                         g_memory.begin + at + quarter * 16)));
      }
    }
  }
}

// What the core may be able to do, and whether it says so.
std::vector<Probe> probes() {
  __builtin_cpu_init();
  // These three look at what the operating system saves as well.
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0;
  const bool avx512bw = avx512 && __builtin_cpu_supports("avx512bw");
  const bool tiles = leaf7(0, 3, 24) && may_use_tiles();
  return {
      {"sse2_float32", "GFLOPS", true, sse2_float32, kSteps * 8},
      {"sse2_int8", "GOPS", true, sse2_int8, kSteps * 16},
      {"avx2_float32", "GFLOPS", avx2, avx2_float32, kSteps * 16},
      {"avx512_float32", "GFLOPS", avx512, avx512_float32, kSteps * 32},
      {"avx512_bf16_bfloat16", "GFLOPS", avx512 && leaf7(1, 0, 5),
       avx512_bf16_bfloat16, kSteps * 64},
      {"avx2_int8", "GOPS", avx2, avx2_int8, kSteps * 64},
      {"avx512_int8", "GOPS", avx512bw, avx512_int8, kSteps * 128},
      {"avx_vnni_int8", "GOPS", avx2 && leaf7(1, 0, 4), avx_vnni_int8,
       kSteps * 64},
      {"avx512_vnni_int8", "GOPS", avx512 && leaf7(0, 2, 11), avx512_vnni_int8,
       kSteps * 128},
      {"amx_bfloat16", "GFLOPS", tiles && leaf7(0, 3, 22), amx_bfloat16,
       kTileSums * kTileBytes},
      {"amx_int8", "GOPS", tiles && leaf7(0, 3, 25), amx_int8,
       kTileSums * kTileBytes * 2},
  };
}

// The widest loads that there are.
Probe reading(const char* name) {
  __builtin_cpu_init();
  void (*run)(int64_t) = __builtin_cpu_supports("avx512f") ? read_avx512
                         : __builtin_cpu_supports("avx2")  ? read_avx2
                                                           : read_sse2;
  return {name, "GB/s", true, run, static_cast<double>(g_memory.bytes)};
}

}  // namespace
