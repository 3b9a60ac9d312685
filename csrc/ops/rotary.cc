#include "ops/rotary.h"

#include "base/threads.h"

namespace pyattn {
namespace {

void rotate_head(const float* cos, const float* sin, int64_t half, float* x) {
  float* const y = x + half;
  for (int64_t i = 0; i < half; ++i) {
    const float real = x[i] * cos[i] - y[i] * sin[i];
    y[i] = y[i] * cos[i] + x[i] * sin[i];
    x[i] = real;
  }
}

}  // namespace

void rotate(const Rotation& rotation, std::span<const int32_t> positions,
            int64_t heads, Rows x) {
  const int64_t half = rotation.head_dim / 2;
  parallel_for(static_cast<int64_t>(positions.size()),
               grain(heads * rotation.head_dim),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   const int64_t at = positions[row] * half;
                   for (int64_t head = 0; head < heads; ++head) {
                     rotate_head(&rotation.cos[at], &rotation.sin[at], half,
                                 x.from(row).data + head * rotation.head_dim);
                   }
                 }
               });
}

}  // namespace pyattn
