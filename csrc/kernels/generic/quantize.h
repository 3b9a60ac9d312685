#pragma once

#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/table.h"

// Rows of activations to int8, one scale each: two passes over a row that is
// in L1.
namespace pyattn::kernels {

template <class Vec>
float row_scale(const float* x, int64_t dim) {
  Vec most = Vec::zero();
  Vec alarm = Vec::zero();  // stays zero unless something is not finite
  for (int64_t i = 0; i < dim; i += Vec::kWidth) {
    const Vec value = load_up_to<Vec>(x + i, dim - i);
    most = max(abs(value), most);
    alarm = fma(value, Vec::zero(), alarm);
  }
  return reduce_max(most) / 127.0F + reduce_add(alarm);
}

template <class Vec, int kOffset>
void quantize(const QuantizeArgs& args) {
  const Vec offset = Vec::broadcast(static_cast<float>(kOffset));
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.x_stride;
    int8_t* q = args.q + row * args.q_stride;
    const float scale = row_scale<Vec>(x, args.dim);
    args.scale[row] = scale;
    // A row of zeros, or one with no finite scale, quantises to zeros.
    const Vec inverse =
        Vec::broadcast(scale > 0 && scale < 1e38F ? 1.0F / scale : 0.0F);
    const auto bytes = [&](int64_t i, int64_t count) {
      const Vec value = load_up_to<Vec>(x + i, count);
      const Vec safe = where_less(Vec::zero(), inverse, value, Vec::zero());
      return round(safe * inverse) + offset;
    };
    int64_t i = 0;
    for (; i + Vec::kWidth <= args.dim; i += Vec::kWidth) {
      store_bytes(bytes(i, Vec::kWidth), q + i);
    }
    if (i < args.q_stride) {
      int8_t rest[Vec::kWidth];
      store_bytes(bytes(i, args.dim - i), rest);
      for (int64_t at = i; at < args.q_stride; ++at) {
        q[at] = at < args.dim ? rest[at - i] : 0;
      }
    }
  }
}

}  // namespace pyattn::kernels
