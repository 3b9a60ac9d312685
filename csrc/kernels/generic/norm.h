#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/generic/prepare.h"
#include "kernels/generic/sums.h"
#include "kernels/table.h"

// One pass over the row for the statistics and one for the output. The sums are
// those of deviations from a pivot, the mean of the row's beginning: the form
// E[x^2] - E[x]^2 without one loses digits when the mean is large next to the
// deviation, and a pass for the mean alone took 5 to 10 % longer. So did asking
// for the next rows ahead, for those of y, and aligning stores by a first part
// that is masked.
//
// Rows go in fours: sums across lanes, roots and divisions wait for one
// another, and four rows wait for theirs together; and gamma and beta are read
// once for all.
namespace pyattn::kernels {

inline constexpr int kNormRows = 4;  // as many as quarter_sums takes

// Four running sums hide the latency of an addition.
inline constexpr int kNormSums = 4;

// Elements of a row that the running sums take up together.
inline constexpr int64_t kNormStep = kNormSums * kSumLanes;

// The sums, for each lane of vector `vec` of the sixteen, of a row's
// deviations from `pivot` and of their squares. How a row is cut depends on its
// length alone.
template <class Vec>
[[gnu::always_inline]] inline void lane_sums(const float* x, int64_t dim,
                                             int vec, Vec pivot, Vec& sum,
                                             Vec& square) {
  x += vec * Vec::kWidth;
  Vec sums[kNormSums] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  Vec squares[kNormSums] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  int64_t i = 0;
  for (; i + kNormStep <= dim; i += kNormStep) {
#pragma GCC unroll 4
    for (int s = 0; s < kNormSums; ++s) {
      const Vec deviation = Vec::load(x + i + s * kSumLanes) - pivot;
      sums[s] = sums[s] + deviation;
      squares[s] = fma(deviation, deviation, squares[s]);
    }
  }
  const int64_t end = dim - vec * Vec::kWidth;
  for (; i < end; i += kSumLanes) {
    const int64_t left = end - i;
    Vec deviation = load_up_to<Vec>(x + i, left) - pivot;
    if (left < Vec::kWidth) {
      deviation = keep_first(deviation, static_cast<int>(left));
    }
    sums[0] = sums[0] + deviation;
    squares[0] = fma(deviation, deviation, squares[0]);
  }
  sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

// The same of a few rows, summed across the lanes: [row].
template <class Vec, int kRows>
[[gnu::always_inline]] inline void row_sums(const float* x, int64_t stride,
                                            int64_t dim, const Vec* pivots,
                                            float* sums, float* squares) {
  Vec sum[kNormRows] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  Vec square[kNormRows] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  Vec quarters[kSumVecs<Vec>], square_quarters[kSumVecs<Vec>];
#pragma GCC unroll 4
  for (int vec = 0; vec < kSumVecs<Vec>; ++vec) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      lane_sums(x + r * stride, dim, vec, pivots[r], sum[r], square[r]);
    }
    quarters[vec] = quarter_sums(sum);
    square_quarters[vec] = quarter_sums(square);
  }
  store_sums(quarters, sums);
  store_sums(square_quarters, squares);
}

// `count` columns from i on, at most a vector of them, of a few rows. All rows
// are read before one is written: a load waits for an earlier store whose
// address ends in the same 12 bits, as those of other rows often do.
template <class Vec, int kRows, bool kBeta, class Normal>
[[gnu::always_inline]] inline void write_columns(const NormArgs& args,
                                                 const float* x, float* y,
                                                 int64_t i, int64_t count,
                                                 Normal normal) {
  const Vec gamma = load_up_to<Vec>(args.gamma + i, count);
  const Vec beta = kBeta ? load_up_to<Vec>(args.beta + i, count) : Vec::zero();
  Vec values[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const Vec value =
        normal(load_up_to<Vec>(x + r * args.x_stride + i, count), r);
    values[r] = kBeta ? fma(value, gamma, beta) : value * gamma;
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    store_up_to(values[r], y + r * args.y_stride + i, count);
  }
}

// y = normal(x, row) * gamma, + beta if there is one, over each of a few rows.
template <class Vec, int kRows, bool kBeta, class Normal>
[[gnu::always_inline]] inline void write_rows(const NormArgs& args,
                                              const float* x, float* y,
                                              Normal normal) {
  int64_t i = 0;
  for (; i + Vec::kWidth <= args.dim; i += Vec::kWidth) {
    write_columns<Vec, kRows, kBeta>(args, x, y, i, Vec::kWidth, normal);
  }
  if (i < args.dim) {
    write_columns<Vec, kRows, kBeta>(args, x, y, i, args.dim - i, normal);
  }
}

template <class Vec>
struct LayerNorm {
  template <int kRows>
  static void rows(const NormArgs& args, const float* x, float* y) {
    const int64_t begin = args.dim < kNormStep ? args.dim : kNormStep;
    float sums[kNormRows], squares[kNormRows], pivot[kRows];
    Vec pivots[kRows];
    for (int r = 0; r < kRows; ++r) {
      pivots[r] = Vec::zero();
    }
    row_sums<Vec, kRows>(x, args.x_stride, begin, pivots, sums, squares);
    for (int r = 0; r < kRows; ++r) {
      pivot[r] = sums[r] / static_cast<float>(begin);
      pivots[r] = Vec::broadcast(pivot[r]);
    }
    row_sums<Vec, kRows>(x, args.x_stride, args.dim, pivots, sums, squares);
    const float size = static_cast<float>(args.dim);
    Vec mean[kRows], scale[kRows];
    for (int r = 0; r < kRows; ++r) {
      const float rest = sums[r] / size;
      const float variance = squares[r] / size - rest * rest;
      // Rounding may leave less than nothing; what is no number stays so.
      const float least = variance < 0 ? 0 : variance;
      mean[r] = Vec::broadcast(pivot[r] + rest);
      scale[r] = Vec::broadcast(1.0F / sqrtf(least + args.epsilon));
    }
    write_rows<Vec, kRows, true>(args, x, y, [&](Vec value, int r) {
      return (value - mean[r]) * scale[r];
    });
  }
};

template <class Vec>
struct RmsNorm {
  template <int kRows>
  static void rows(const NormArgs& args, const float* x, float* y) {
    float sums[kNormRows], squares[kNormRows];
    Vec pivots[kRows];
    for (int r = 0; r < kRows; ++r) {
      pivots[r] = Vec::zero();
    }
    row_sums<Vec, kRows>(x, args.x_stride, args.dim, pivots, sums, squares);
    const float size = static_cast<float>(args.dim);
    Vec scale[kRows];
    for (int r = 0; r < kRows; ++r) {
      scale[r] = Vec::broadcast(1.0F / sqrtf(squares[r] / size + args.epsilon));
    }
    write_rows<Vec, kRows, false>(
        args, x, y, [&](Vec value, int r) { return value * scale[r]; });
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
  for (; row + kNormRows <= args.rows; row += kNormRows) {
    norm_rows<Vec, Norm, kLeast, kNormRows>(args, row);
  }
  if (row + 2 <= args.rows) {
    norm_rows<Vec, Norm, kLeast, 2>(args, row);
    row += 2;
  }
  if (row < args.rows) {
    norm_rows<Vec, Norm, kLeast, 1>(args, row);
  }
}

}  // namespace pyattn::kernels
