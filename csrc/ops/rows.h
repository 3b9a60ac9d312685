#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace pyattn {

/// Words from one row to the next, of rows that hold `words`. A tile reads a
/// line of each of its rows at a time; rows that are a multiple of 2 KiB apart
/// share two sets of L1, which has room for eight lines in each.
inline int64_t row_stride(int64_t words) {
  return words % 512 == 0 ? words + 16 : words;
}

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
  WordRows rest = words;
  rest.data = static_cast<char*>(words.data) + row * words.stride * 4;
  rest.scale += row;
  rest.zero += row;
  rest.parts += row * words.part_stride;
  return rest;
}

}  // namespace pyattn
