#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace pyattn {

/// Rows of floats to read, `stride` floats apart.
struct ConstRows {
  const float* data;
  int64_t stride;

  /// The same rows from `row` on; null stays null.
  ConstRows from(int64_t row) const {
    return {data == nullptr ? nullptr : data + row * stride, stride};
  }
};

/// Rows of floats to write.
struct Rows {
  float* data;
  int64_t stride;

  ConstRows read() const { return {data, stride}; }
  Rows from(int64_t row) const {
    return {data == nullptr ? nullptr : data + row * stride, stride};
  }
};

/// The same words from `row` on.
inline WordRows rows_from(const WordRows& words, int64_t row) {
  return {words.kind, static_cast<char*>(words.data) + row * words.stride * 4,
          words.scale + row, words.zero + row, words.stride};
}

}  // namespace pyattn
