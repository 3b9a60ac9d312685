#pragma once

#include <cstdint>

namespace pyattn {

/// Rows of floats to read, `stride` floats apart.
struct ConstRows {
  const float* data;
  int64_t stride;
};

/// Rows of floats to write.
struct Rows {
  float* data;
  int64_t stride;

  ConstRows read() const { return {data, stride}; }
};

}  // namespace pyattn
