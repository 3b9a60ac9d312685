#pragma once

#include <cstdint>

#include "ops/stored.h"

namespace pyattn {

/// A row of int4 weights: q of every column, s of every group of kInt4Group,
/// the row's scale, and the sum of all s * q.
struct Int4Row {
  int8_t* q;  // [columns]
  int8_t* s;  // [groups]
  float scale;
  int32_t sum;
};

/// Rounds a row of floats. Its largest number becomes +-120, the ends of what
/// 15 * q can be; of each group's s that whose squared error is least is taken,
/// in parts of the row's scale: whole numbers, so that whoever computes the
/// same chooses the same. The sign of s decides which end of the group -8 has,
/// which takes 6 % off the error of normally distributed weights.
/// Throws ArgumentError where the row is not finite.
void round_to_int4(const float* from, int64_t columns, Int4Row& to);

/// A row that is stored in int4, as it is.
void read_int4(const StoredMatrix& from, int64_t row, int64_t columns,
               Int4Row& to);

}  // namespace pyattn
