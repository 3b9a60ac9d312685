#pragma once

#include <cstdint>

#include "kernels/generic/math.h"

// Sums over elements, in one order on every level. Element i of a row goes to
// sum i % kSumLanes, whatever the width of a vector; then the sixteen become
// one. A vector type has
//
//   quarter_sums(x): of four vectors, for each quarter of four lanes a..d, the
//     four sums (a + c) + (b + d), one per vector
//   store_sums(quarters): of the quarters p..s of sixteen lanes, the four sums
//     (p + r) + (q + s)
//   reduce_add(x): across one vector, halves first
//
// A level whose vectors are narrower goes through its row once for each vector
// of the sixteen, with as few sums in registers as a level of sixteen lanes.
namespace pyattn::kernels {

// Vectors that hold the sixteen sums.
template <class Vec>
inline constexpr int kSumVecs = kSumLanes / Vec::kWidth;

// The sum of sixteen, the halves first, then their halves.
template <class Vec>
float reduce_sums(const Vec (&x)[kSumVecs<Vec>]) {
  if constexpr (kSumVecs<Vec> == 4) {
    return reduce_add((x[0] + x[2]) + (x[1] + x[3]));
  } else if constexpr (kSumVecs<Vec> == 2) {
    return reduce_add(x[0] + x[1]);
  } else {
    return reduce_add(x[0]);
  }
}

}  // namespace pyattn::kernels
