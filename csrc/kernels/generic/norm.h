#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/generic/prepare.h"
#include "kernels/table.h"

// Two passes over the row for the statistics and one for the output; the row
// is a few KiB, so the later passes read L1. The one-pass E[x^2] - E[x]^2 form
// saves a read but loses digits when the mean is large next to the deviation.
//
// Rows go in pairs: a sum across lanes, a root and a division wait for one
// another, and the other row's work fills the time; and gamma and beta are read
// once for both.
namespace pyattn::kernels {

// The sums of term(x, row) over each of a few rows. Four running sums hide the
// latency of an addition; how a row is cut depends on its length alone.
template <class Vec, int kRows, class Term>
[[gnu::always_inline]] inline void row_sums(const float* x, int64_t stride,
                                            int64_t dim, Term term,
                                            float* totals) {
  constexpr int kSums = 4;
  constexpr int64_t kStep = kSums * Vec::kWidth;
  Vec sums[kRows][kSums];
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kSums; ++s) {
      sums[r][s] = Vec::zero();
    }
  }
  int64_t i = 0;
  for (; i + kStep <= dim; i += kStep) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) {
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
        sums[r][s] = sums[r][s] +
                     term(Vec::load(x + r * stride + i + s * Vec::kWidth), r);
      }
    }
  }
  for (; i < dim; i += Vec::kWidth) {
    const int64_t count = dim - i < Vec::kWidth ? dim - i : Vec::kWidth;
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      const Vec value = term(load_up_to<Vec>(x + r * stride + i, count), r);
      sums[r][0] =
          sums[r][0] + (count < Vec::kWidth
                            ? keep_first(value, static_cast<int>(count))
                            : value);
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
    totals[r] =
        reduce_add((sums[r][0] + sums[r][1]) + (sums[r][2] + sums[r][3]));
  }
}

// y = normal(x, row) * gamma, + beta if there is one, over each of a few rows.
template <class Vec, int kRows, bool kBeta, class Normal>
[[gnu::always_inline]] inline void write_rows(const NormArgs& args,
                                              const float* x, float* y,
                                              Normal normal) {
  int64_t i = 0;
  for (; i + Vec::kWidth <= args.dim; i += Vec::kWidth) {
    const Vec gamma = Vec::load(args.gamma + i);
    const Vec beta = kBeta ? Vec::load(args.beta + i) : Vec::zero();
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      const Vec value = normal(Vec::load(x + r * args.x_stride + i), r);
      (kBeta ? fma(value, gamma, beta) : value * gamma)
          .store(y + r * args.y_stride + i);
    }
  }
  if (i < args.dim) {
    const int left = static_cast<int>(args.dim - i);
    const Vec gamma = Vec::load_first(args.gamma + i, left);
    const Vec beta = kBeta ? Vec::load_first(args.beta + i, left) : Vec::zero();
    for (int r = 0; r < kRows; ++r) {
      const Vec value =
          normal(Vec::load_first(x + r * args.x_stride + i, left), r);
      (kBeta ? fma(value, gamma, beta) : value * gamma)
          .store_first(y + r * args.y_stride + i, left);
    }
  }
}

template <class Vec>
struct LayerNorm {
  template <int kRows>
  static void rows(const NormArgs& args, const float* x, float* y) {
    const float size = static_cast<float>(args.dim);
    float total[kRows];
    Vec mean[kRows];
    row_sums<Vec, kRows>(
        x, args.x_stride, args.dim, [](Vec a, int) { return a; }, total);
    for (int r = 0; r < kRows; ++r) {
      mean[r] = Vec::broadcast(total[r] / size);
    }
    row_sums<Vec, kRows>(
        x, args.x_stride, args.dim,
        [&mean](Vec a, int r) { return (a - mean[r]) * (a - mean[r]); }, total);
    Vec scale[kRows];
    for (int r = 0; r < kRows; ++r) {
      scale[r] = Vec::broadcast(1.0F / sqrtf(total[r] / size + args.epsilon));
    }
    write_rows<Vec, kRows, true>(
        args, x, y, [&](Vec a, int r) { return (a - mean[r]) * scale[r]; });
  }
};

template <class Vec>
struct RmsNorm {
  template <int kRows>
  static void rows(const NormArgs& args, const float* x, float* y) {
    float total[kRows];
    row_sums<Vec, kRows>(
        x, args.x_stride, args.dim, [](Vec a, int) { return a * a; }, total);
    const float size = static_cast<float>(args.dim);
    Vec scale[kRows];
    for (int r = 0; r < kRows; ++r) {
      scale[r] = Vec::broadcast(1.0F / sqrtf(total[r] / size + args.epsilon));
    }
    write_rows<Vec, kRows, false>(args, x, y,
                                  [&](Vec a, int r) { return a * scale[r]; });
  }
};

template <class Vec, class Norm, int kLeast, int kRows>
void norm_rows(const NormArgs& args, int64_t row) {
  float* y = args.y + row * args.y_stride;
  Norm::template rows<kRows>(args, args.x + row * args.x_stride, y);
  if (args.words.data != nullptr) {
    for (int r = 0; r < kRows; ++r) {
      prepare_row<Vec, kLeast>(y + r * args.y_stride, args.dim, args.words,
                               row + r);
    }
  }
}

// Each row of one kind of norm and, where they are asked for, its words.
template <class Vec, class Norm, int kLeast>
void norm(const NormArgs& args) {
  int64_t row = 0;
  for (; row + 2 <= args.rows; row += 2) {
    norm_rows<Vec, Norm, kLeast, 2>(args, row);
  }
  if (row < args.rows) {
    norm_rows<Vec, Norm, kLeast, 1>(args, row);
  }
}

}  // namespace pyattn::kernels
