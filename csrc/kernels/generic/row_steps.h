#pragma once

#include <cstdint>

#include "kernels/generic/math.h"

// What rows of floats are rounded to.
namespace pyattn::kernels {

// The range of a row, zero included; `scale` is NaN where not all is finite.
template <class Vec>
struct RowRange {
  Vec low = Vec::zero();
  float scale;

  RowRange(const float* x, int64_t dim) {
    Vec high = Vec::zero();
    Vec alarm = Vec::zero();  // stays zero unless something is not finite
    for (int64_t i = 0; i < dim; i += Vec::kWidth) {
      const Vec value = load_up_to<Vec>(x + i, dim - i);
      low = min(value, low);
      high = max(value, high);
      alarm = fma(value, Vec::zero(), alarm);
    }
    // Divided before they are added, which could overflow.
    const float below = reduce_max(Vec::zero() - low);
    low = Vec::broadcast(-below);
    scale = reduce_max(high) / 255.0F + below / 255.0F + reduce_add(alarm);
  }
};

// The 256 steps of a row. An asymmetric range has half the error of a symmetric
// one where an activation leaves nothing below zero, and less everywhere.
template <class Vec>
struct RowSteps {
  float scale;
  Vec inverse;
  Vec below;  // steps from the least value to zero

  RowSteps(const float* x, int64_t dim) {
    const RowRange<Vec> range(x, dim);
    scale = range.scale;
    // A row of zeros, or one with no finite scale, is all zeros.
    inverse = Vec::broadcast(scale > 0 && scale < 1e38F ? 1.0F / scale : 0.0F);
    below = Vec::zero() - whole(range.low);
  }
  Vec whole(Vec value) const {
    const Vec safe = where_less(Vec::zero(), inverse, value, Vec::zero());
    return round(safe * inverse);
  }
};

}  // namespace pyattn::kernels
