#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "ops/rows.h"

namespace pyattn {

/// By how much each position turns the pairs of a head: pair i are the elements
/// i and i + head_dim / 2 (Su et al. 2021, section 3.4.2, in the order of
/// halves).
struct Rotation {
  Buffer<float> cos, sin;  // [positions, head_dim / 2]
  int64_t head_dim = 0;    // 0: nothing is turned
};

/// Turns the heads of each row, heads * head_dim neighbouring floats, by the
/// row's position; split over threads.
void rotate(const Rotation& rotation, std::span<const int32_t> positions,
            int64_t heads, Rows x);

}  // namespace pyattn
