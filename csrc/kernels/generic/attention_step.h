#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/table.h"

// Attention of a decoding step: one query, one head, keys found by pointer. The
// lanes are elements of the head: a score is a product of vectors summed
// across, an output a sum of values in place.
namespace pyattn::kernels {

template <class Vec>
float dot(const float* a, const float* b, int64_t count) {
  Vec sum = Vec::zero();
  for (int64_t d = 0; d < count; d += Vec::kWidth) {
    sum = fma(load_up_to<Vec>(a + d, count - d),
              load_up_to<Vec>(b + d, count - d), sum);
  }
  return reduce_add(sum);
}

// kVecs vectors of the output, from element d on.
template <class Vec, int kVecs>
void weigh_values(const AttentionStepArgs& args, int64_t d, float inverse) {
  Vec sums[kVecs];
#pragma GCC unroll 4
  for (int c = 0; c < kVecs; ++c) {
    sums[c] = Vec::zero();
  }
  for (int64_t t = 0; t < args.time; ++t) {
    const float* v = args.tokens[t] + args.v_offset + d;
    const Vec weight = Vec::broadcast(args.scratch[t]);
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      sums[c] = fma(weight,
                    load_up_to<Vec>(v + c * Vec::kWidth,
                                    args.head_dim - d - c * Vec::kWidth),
                    sums[c]);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < kVecs; ++c) {
    store_up_to(sums[c] * Vec::broadcast(inverse), args.y + d + c * Vec::kWidth,
                args.head_dim - d - c * Vec::kWidth);
  }
}

template <class Vec>
void attention_step(const AttentionStepArgs& args) {
  float* weights = args.scratch;
  float most = -INFINITY;
  for (int64_t t = 0; t < args.time; ++t) {
    weights[t] =
        dot<Vec>(args.q, args.tokens[t] + args.k_offset, args.head_dim) *
        args.scale;
    most = weights[t] > most ? weights[t] : most;
  }
  const Vec base = Vec::broadcast(most < -FLT_MAX ? 0.0F : most);
  Vec sum = Vec::zero();
  for (int64_t t = 0; t < args.time; t += Vec::kWidth) {
    const int64_t left = args.time - t;
    const int count = left < Vec::kWidth ? static_cast<int>(left) : Vec::kWidth;
    const Vec weight =
        keep_first(exp(load_up_to<Vec>(weights + t, left) - base), count);
    sum = sum + weight;
    store_up_to(weight, weights + t, left);
  }
  const float total = reduce_add(sum);
  const float inverse = total < FLT_MIN ? 0.0F : 1.0F / total;
  int64_t d = 0;
  for (; d + 3 * Vec::kWidth < args.head_dim; d += 4 * Vec::kWidth) {
    weigh_values<Vec, 4>(args, d, inverse);
  }
  for (; d < args.head_dim; d += Vec::kWidth) {
    weigh_values<Vec, 1>(args, d, inverse);
  }
}

}  // namespace pyattn::kernels
