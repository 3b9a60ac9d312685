#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/generic/sums.h"

// What a step of decoding does with a few tokens and the queries of a tile,
// which share what is read of a head. A query's sums are the same in a tile of
// any size.
namespace pyattn::kernels {

inline constexpr int64_t kStepTokens = 4;  // that are scored together

// What a token keeps, read as floats: `kParts` vectors from so many elements. A
// unit is the elements that go to all of the sixteen sums.
template <class Vec>
struct Float32Cache {
  using Lanes = Vec;
  using Element = float;
  static constexpr int kParts = 1;
  static constexpr int kElements = Vec::kWidth;
  static constexpr int kUnit = kSumLanes;

  static void load(const float* p, Vec (&parts)[kParts]) {
    parts[0] = Vec::load(p);
  }
};

// bfloat16 is the upper half of a float; even elements make a vector, and odd
// ones.
template <class Vec>
struct BFloat16Cache {
  using Lanes = Vec;
  using Element = uint16_t;
  static constexpr int kParts = 2;
  static constexpr int kElements = 2 * Vec::kWidth;
  static constexpr int kUnit = 2 * kSumLanes;

  static void load(const uint16_t* p, Vec (&parts)[kParts]) {
    Vec::load_bfloat16(p, parts[0], parts[1]);
  }
};

// The elements of vectors, or what is left of a head.
template <class Cache>
void load_up_to(const typename Cache::Element* p, int64_t count,
                typename Cache::Lanes (&parts)[Cache::kParts]) {
  if (count >= Cache::kElements) {
    return Cache::load(p, parts);
  }
  typename Cache::Element whole[Cache::kElements] = {};
  std::memcpy(whole, p, static_cast<size_t>(count) * sizeof(whole[0]));
  Cache::load(whole, parts);
}

// A head's size, in elements and in whole units, and the floats between the
// weights of queries.
struct StepHead {
  int64_t dim, padded, stride;
};

// Scores of four tokens and a tile of queries. A head has kUnits whole units,
// or, if that is 0, any size.
template <class Cache, int kUnits, int kQueries>
void score_tile(const StepHead& head, const float* query,
                const typename Cache::Element* const (&k)[kStepTokens],
                int64_t d, float* out) {
  using Vec = typename Cache::Lanes;
  constexpr int kParts = Cache::kParts;
  constexpr int kUnit = Cache::kUnit;
  constexpr int kElements = Cache::kElements;
  constexpr int kWidth = Vec::kWidth;
  const int64_t whole = kUnits > 0 ? kUnits : head.dim / kUnit;
  const int64_t rest = kUnits > 0 ? 0 : head.dim % kUnit;
  const int64_t size = kUnits > 0 ? kUnits * kUnit : head.padded;
  Vec quarters[kQueries][kSumVecs<Vec>];
#pragma GCC unroll 4
  for (int vec = 0; vec < kSumVecs<Vec>; ++vec) {
    Vec sums[kQueries][kStepTokens];
#pragma GCC unroll 4
    for (int n = 0; n < kQueries; ++n) {
#pragma GCC unroll 4
      for (int i = 0; i < kStepTokens; ++i) {
        sums[n][i] = Vec::zero();
      }
    }
#pragma GCC unroll 8
    for (int64_t u = 0; u < whole; ++u) {
      const int64_t at = u * kUnit + vec * kElements;
      Vec x[kQueries][kParts];
#pragma GCC unroll 4
      for (int n = 0; n < kQueries; ++n) {
#pragma GCC unroll 2
        for (int part = 0; part < kParts; ++part) {
          x[n][part] = Vec::load(query + n * size + at + part * kWidth);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < kStepTokens; ++i) {
        Vec parts[kParts];
        Cache::load(k[i] + d + at, parts);
#pragma GCC unroll 2
        for (int part = 0; part < kParts; ++part) {
#pragma GCC unroll 4
          for (int n = 0; n < kQueries; ++n) {
            sums[n][i] = fma(x[n][part], parts[part], sums[n][i]);
          }
        }
      }
    }
    if (rest > vec * kElements) {
      const int64_t at = whole * kUnit + vec * kElements;
      for (int i = 0; i < kStepTokens; ++i) {
        Vec parts[kParts];
        load_up_to<Cache>(k[i] + d + at, head.dim - at, parts);
        for (int part = 0; part < kParts; ++part) {
          const float* const last = query + at + part * kWidth;
          for (int n = 0; n < kQueries; ++n) {
            sums[n][i] =
                fma(Vec::load(last + n * size), parts[part], sums[n][i]);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int n = 0; n < kQueries; ++n) {
      quarters[n][vec] = quarter_sums(sums[n]);
    }
  }
#pragma GCC unroll 4
  for (int n = 0; n < kQueries; ++n) {
    store_sums(quarters[n], out + n * head.stride);
  }
}

// Adds tokens' values to the outputs of a tile of queries; kUnits as above.
template <class Cache, int kUnits, int kQueries, int kTokens>
void weigh_tile(const StepHead& head, const float* weight,
                const typename Cache::Element* const (&v)[kTokens], int64_t d,
                float* out) {
  using Vec = typename Cache::Lanes;
  constexpr int kParts = Cache::kParts;
  constexpr int kElements = Cache::kElements;
  constexpr int kWidth = Vec::kWidth;
  constexpr int64_t kSize = kUnits * Cache::kUnit;
  const int64_t whole = (kUnits > 0 ? kSize : head.dim) / kElements;
  const int64_t rest = kUnits > 0 ? 0 : head.dim % kElements;
  const int64_t size = kUnits > 0 ? kSize : head.padded;
  Vec x[kQueries][kTokens];
#pragma GCC unroll 4
  for (int n = 0; n < kQueries; ++n) {
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; ++i) {
      x[n][i] = Vec::broadcast(weight[n * head.stride + i]);
    }
  }
#pragma GCC unroll 8
  for (int64_t u = 0; u < whole; ++u) {
    float* const at = out + u * kElements;
    Vec sums[kQueries][kParts];
#pragma GCC unroll 4
    for (int n = 0; n < kQueries; ++n) {
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        sums[n][part] = Vec::load(at + n * size + part * kWidth);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; ++i) {
      Vec parts[kParts];
      Cache::load(v[i] + d + u * kElements, parts);
#pragma GCC unroll 4
      for (int n = 0; n < kQueries; ++n) {
#pragma GCC unroll 2
        for (int part = 0; part < kParts; ++part) {
          sums[n][part] = fma(x[n][i], parts[part], sums[n][part]);
        }
      }
    }
#pragma GCC unroll 4
    for (int n = 0; n < kQueries; ++n) {
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        sums[n][part].store(at + n * size + part * kWidth);
      }
    }
  }
  if (rest > 0) {
    for (int i = 0; i < kTokens; ++i) {
      Vec parts[kParts];
      load_up_to<Cache>(v[i] + d + whole * kElements, rest, parts);
      for (int part = 0; part < kParts; ++part) {
        float* const last = out + whole * kElements + part * kWidth;
        for (int n = 0; n < kQueries; ++n) {
          fma(x[n][i], parts[part], Vec::load(last + n * size))
              .store(last + n * size);
        }
      }
    }
  }
}

}  // namespace pyattn::kernels
