#pragma once

#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <cstdint>
#include <vector>

#include "peaks.h"

// The part of peaks.cc that is written in the instructions of AArch64.
namespace {

// Four instructions a cycle of four cycles each; there are 32 registers.
constexpr int kSums = 24;
constexpr int kRounds = 4;
constexpr double kSteps = kSums * kRounds;

void neon_float32(int64_t count) {
  float32x4_t sums[kSums] = {};
  const float32x4_t a = {}, b = {};
  for (int64_t i = 0; i < count * kRounds; ++i) {
#pragma GCC unroll 24
    for (int s = 0; s < kSums; ++s) {
      asm volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(sums[s]) : "w"(a), "w"(b));
    }
  }
}

// Without the dot product: 16 products in 16 bits, then added in pairs.
void neon_int8(int64_t count) {
  int32x4_t sums[kSums / 2] = {}, products;
  const int8x16_t a = {}, b = {};
  for (int64_t i = 0; i < count * kRounds * 2; ++i) {
#pragma GCC unroll 12
    for (int s = 0; s < kSums / 2; ++s) {
      asm volatile(
          "smull %1.8h, %2.8b, %3.8b\n\tsmlal2 %1.8h, %2.16b, %3.16b\n\t"
          "sadalp %0.4s, %1.8h"
          : "+w"(sums[s]), "=&w"(products)
          : "w"(a), "w"(b));
    }
  }
}

[[gnu::target("arch=armv8.2-a+dotprod")]] void dotprod_int8(int64_t count) {
  int32x4_t sums[kSums] = {};
  const int8x16_t a = {}, b = {};
  for (int64_t i = 0; i < count * kRounds; ++i) {
#pragma GCC unroll 24
    for (int s = 0; s < kSums; ++s) {
      asm volatile("sdot %0.4s, %1.16b, %2.16b"
                   : "+w"(sums[s])
                   : "w"(a), "w"(b));
    }
  }
}

[[gnu::target("arch=armv8.2-a+i8mm")]] void i8mm_int8(int64_t count) {
  int32x4_t sums[kSums] = {};
  const int8x16_t a = {}, b = {};
  for (int64_t i = 0; i < count * kRounds; ++i) {
#pragma GCC unroll 24
    for (int s = 0; s < kSums; ++s) {
      asm volatile("smmla %0.4s, %1.16b, %2.16b"
                   : "+w"(sums[s])
                   : "w"(a), "w"(b));
    }
  }
}

[[gnu::target("arch=armv8.2-a+bf16")]] void bfmmla_bfloat16(int64_t count) {
  float32x4_t sums[kSums] = {};
  const float32x4_t a = {}, b = {};
  for (int64_t i = 0; i < count * kRounds; ++i) {
#pragma GCC unroll 24
    for (int s = 0; s < kSums; ++s) {
      asm volatile("bfmmla %0.4s, %1.8h, %2.8h"
                   : "+w"(sums[s])
                   : "w"(a), "w"(b));
    }
  }
}

void read_neon(int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t at = 0; at < g_memory.bytes; at += 512) {
#pragma GCC unroll 16
      for (int pair = 0; pair < 16; ++pair) {
        float32x4_t first, second;
        asm volatile("ldp %q0, %q1, [%2]"
                     : "=w"(first), "=w"(second)
                     : "r"(g_memory.begin + at + pair * 32)
                     : "memory");
      }
    }
  }
}

// What the core may be able to do, and whether it says so.
std::vector<Probe> probes() {
  const unsigned long has = getauxval(AT_HWCAP);
  const unsigned long more = getauxval(AT_HWCAP2);
  return {
      {"neon_float32", "GFLOPS", true, neon_float32, kSteps * 8},
      {"neon_int8", "GOPS", true, neon_int8, kSteps * 32},
      {"neon_dotprod_int8", "GOPS", (has & HWCAP_ASIMDDP) != 0, dotprod_int8,
       kSteps * 32},
      {"neon_i8mm_int8", "GOPS", (more & HWCAP2_I8MM) != 0, i8mm_int8,
       kSteps * 64},
      {"neon_bf16_bfloat16", "GFLOPS", (more & HWCAP2_BF16) != 0,
       bfmmla_bfloat16, kSteps * 32},
  };
}

Probe reading(const char* name) {
  return {name, "GB/s", true, read_neon, static_cast<double>(g_memory.bytes)};
}

}  // namespace
