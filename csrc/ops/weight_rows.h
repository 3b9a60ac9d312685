#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "kernels/table.h"
#include "ops/stored.h"

namespace pyattn {

/// What a row of int8 weights is multiplied by, and the sum of its integers.
struct Int8Row {
  float scale;
  int32_t sum;
};

/// Turns rows of a matrix, as it is stored, into the number type of a product,
/// one at a time: nothing but that row is ever multiplied out. A matrix that is
/// stored in int8 keeps its integers and scales in int8.
class WeightRows {
 public:
  WeightRows(DType dtype, int64_t columns)
      : dtype_(dtype), columns_(columns), floats_(columns) {}

  /// Writes row `row`, [columns] of the number type; the answer is int8's.
  /// Throws ArgumentError where a row that becomes int8 is not finite.
  Int8Row write(const StoredMatrix& from, int64_t row, void* to);

 private:
  Int8Row write_int8(const StoredMatrix& from, int64_t row, int8_t* to);
  Int8Row quantize(int8_t* to) const;

  const DType dtype_;
  const int64_t columns_;
  Buffer<float> floats_;  // [columns]
};

}  // namespace pyattn
