#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "kernels/table.h"
#include "ops/stored.h"

namespace pyattn {

/// What a row of integer weights is multiplied by, and the sum of its
/// integers.
struct Int8Row {
  float scale;
  int32_t sum;
};

inline constexpr int64_t kInt4RowBytes = kInt4Group / 2 + 1;

/// Turns rows of a matrix, as it is stored, into the number type of a product,
/// one at a time: nothing but that row is ever multiplied out. A matrix that is
/// stored in int8 keeps its integers and scales in int8; one that is stored in
/// int4, in int4 and in int8.
class WeightRows {
 public:
  WeightRows(DType dtype, int64_t columns);

  /// Writes row `row`, [columns] of the number type; the answer is int8's. of
  /// int4 each group is kInt4RowBytes: the words of its q as a panel has them
  /// (see int4_panel_bytes), then its s.
  /// Throws ArgumentError where a row that becomes int8 or int4 is not finite.
  Int8Row write(const StoredMatrix& from, int64_t row, void* to);

 private:
  Int8Row write_int8(const StoredMatrix& from, int64_t row, int8_t* to);
  Int8Row quantize(int8_t* to) const;
  Int8Row write_int4(const StoredMatrix& from, int64_t row, char* to);

  const DType dtype_;
  const int64_t columns_;
  Buffer<float> floats_;  // [columns]
  Buffer<int8_t> q_, s_;  // [columns] and [groups], int4 only
};

}  // namespace pyattn
