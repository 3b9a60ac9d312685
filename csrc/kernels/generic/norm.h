#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/generic/prepare.h"
#include "kernels/table.h"

// Two passes over the row for the statistics and one for the output; the row
// is a few KiB, so the later passes read L1. The one-pass E[x^2] - E[x]^2 form
// saves a read but loses digits when the mean is large next to the deviation.
namespace pyattn::kernels {

// The sum of term(x) over a row. Four running sums hide the latency of an
// addition; how a row is cut depends on its length alone.
template <class Vec, class Term>
float row_sum(const float* x, int64_t dim, Term term) {
  constexpr int kSums = 4;
  constexpr int64_t kStep = kSums * Vec::kWidth;
  Vec sums[kSums] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  int64_t i = 0;
  for (; i + kStep <= dim; i += kStep) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) {
      sums[s] = sums[s] + term(Vec::load(x + i + s * Vec::kWidth));
    }
  }
  for (; i < dim; i += Vec::kWidth) {
    const int64_t count = dim - i < Vec::kWidth ? dim - i : Vec::kWidth;
    const Vec value = term(load_up_to<Vec>(x + i, count));
    sums[0] = sums[0] + (count < Vec::kWidth
                             ? keep_first(value, static_cast<int>(count))
                             : value);
  }
  return reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class Vec>
struct LayerNorm {
  static void row(const NormArgs& args, const float* x, float* y) {
    const float size = static_cast<float>(args.dim);
    const Vec mean = Vec::broadcast(
        row_sum<Vec>(x, args.dim, [](Vec a) { return a; }) / size);
    const float variance =
        row_sum<Vec>(x, args.dim,
                     [mean](Vec a) { return (a - mean) * (a - mean); }) /
        size;
    const Vec scale = Vec::broadcast(1.0F / sqrtf(variance + args.epsilon));
    for (int64_t i = 0; i < args.dim; i += Vec::kWidth) {
      const int64_t count = args.dim - i;
      const Vec normal = (load_up_to<Vec>(x + i, count) - mean) * scale;
      store_up_to(fma(normal, load_up_to<Vec>(args.gamma + i, count),
                      load_up_to<Vec>(args.beta + i, count)),
                  y + i, count);
    }
  }
};

template <class Vec>
struct RmsNorm {
  static void row(const NormArgs& args, const float* x, float* y) {
    const float square =
        row_sum<Vec>(x, args.dim, [](Vec a) { return a * a; }) /
        static_cast<float>(args.dim);
    const Vec scale = Vec::broadcast(1.0F / sqrtf(square + args.epsilon));
    for (int64_t i = 0; i < args.dim; i += Vec::kWidth) {
      const int64_t count = args.dim - i;
      store_up_to(load_up_to<Vec>(x + i, count) * scale *
                      load_up_to<Vec>(args.gamma + i, count),
                  y + i, count);
    }
  }
};

// Each row of one kind of norm and, where they are asked for, its words.
template <class Vec, class Norm, int kLeast>
void norm(const NormArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    float* y = args.y + row * args.y_stride;
    Norm::row(args, args.x + row * args.x_stride, y);
    if (args.words.data != nullptr) {
      prepare_row<Vec, kLeast>(y, args.dim, args.words, row);
    }
  }
}

}  // namespace pyattn::kernels
