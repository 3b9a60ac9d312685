#include "ops/weight_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "ops/int4_rows.h"

namespace pyattn {
namespace {

constexpr float kMostInt8 = 127.0F;

constexpr uint32_t kInfinity = 0x7F800000;

// A float from here on holds integers alone: to add it rounds to nearest, ties
// to even, and leaves the integer in its lowest bits. Unlike nearbyint it makes
// vectors.
constexpr float kOnlyIntegers = 0x1.8p23F;

uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }

uint16_t to_bfloat16(float x) {
  const uint32_t bits = bits_of(x);
  // To nearest, ties to even.
  const uint32_t near = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  const bool number = (bits & 0x7FFFFFFF) <= kInfinity;
  return static_cast<uint16_t>(number ? near : bits >> 16 | 0x40);
}

// Blocks fit 16 bits, in which a vector adds twice as many as in 32.
int32_t sum_of(const int8_t* row, int64_t count) {
  constexpr int64_t kBlock = 128;
  int32_t sum = 0;
  int64_t i = 0;
  for (; i + kBlock <= count; i += kBlock) {
    int16_t block = 0;
    for (int64_t j = i; j < i + kBlock; ++j) {
      block = static_cast<int16_t>(block + row[j]);
    }
    sum += block;
  }
  for (; i < count; ++i) {
    sum += row[i];
  }
  return sum;
}

}  // namespace

WeightRows::WeightRows(DType dtype, int64_t columns)
    : dtype_(dtype),
      columns_(columns),
      floats_(columns),
      q_(columns),
      s_(groups_of(columns)) {}

Int8Row WeightRows::write(const StoredMatrix& from, int64_t row, void* to) {
  if (dtype_ == DType::kInt8 || dtype_ == DType::kInt8Grouped) {
    return write_int8(from, row, static_cast<int8_t*>(to));
  }
  if (dtype_ == DType::kInt4) {
    return write_int4(from, row, static_cast<char*>(to));
  }
  if (dtype_ == DType::kFloat32) {
    read_row(from, row, columns_, static_cast<float*>(to));
    return {};
  }
  read_row(from, row, columns_, floats_.data());
  const float* const floats = floats_.data();
  uint16_t* const rounded = static_cast<uint16_t*>(to);
  for (int64_t i = 0; i < columns_; ++i) {
    rounded[i] = to_bfloat16(floats[i]);
  }
  return {};
}

Int8Row WeightRows::write_int8(const StoredMatrix& from, int64_t row,
                               int8_t* to) {
  if (from.storage == Storage::kInt8) {
    check(std::isfinite(from.scale[row]), "linear",
          "int8 weights must be finite; use float32");
    std::memcpy(to, from.row(row, columns_), static_cast<size_t>(columns_));
    // No product takes -128, whose opposite is no int8; nobody's rounding to
    // 127 steps makes it, but a file may hold it.
    if (std::memchr(to, INT8_MIN, static_cast<size_t>(columns_)) == nullptr) {
      return {from.scale[row], sum_of(to, columns_)};
    }
  }
  if (from.storage == Storage::kInt4) {
    Int4Row int4 = {.q = q_.data(), .s = s_.data(), .scale = 0, .sum = 0};
    read_int4(from, row, columns_, int4);
    for (int64_t i = 0; i < columns_; ++i) {
      to[i] = static_cast<int8_t>(int4.s[i / kInt4Group] * int4.q[i]);
    }
    return {int4.scale, int4.sum};
  }
  read_row(from, row, columns_, floats_.data());
  return quantize(to);
}

Int8Row WeightRows::write_int4(const StoredMatrix& from, int64_t row,
                               char* to) {
  Int4Row int4 = {.q = q_.data(), .s = s_.data(), .scale = 0, .sum = 0};
  if (from.storage == Storage::kInt4) {
    read_int4(from, row, columns_, int4);
  } else {
    read_row(from, row, columns_, floats_.data());
    round_to_int4(floats_.data(), columns_, int4);
  }
  for (int64_t begin = 0; begin < columns_; begin += kInt4Group) {
    std::memset(to, 0, kInt4RowBytes);
    const int64_t count = std::min(columns_ - begin, kInt4Group);
    for (int64_t i = 0; i < count; ++i) {
      const int four = int4.q[begin + i] & 15;
      to[i / 8 * 4 + i % 4] |= static_cast<char>(i % 8 < 4 ? four : four << 4);
    }
    to[kInt4Group / 2] = static_cast<char>(int4.s[begin / kInt4Group]);
    to += kInt4RowBytes;
  }
  return {int4.scale, int4.sum};
}

// One scale per row, symmetric: the largest weight becomes 127.
Int8Row WeightRows::quantize(int8_t* to) const {
  const float* const from = floats_.data();
  // Magnitudes have the order of their bits, and no comparison of floats makes
  // vectors where there may be NaN.
  int32_t most_bits = 0;
  for (int64_t i = 0; i < columns_; ++i) {
    most_bits = std::max(most_bits,
                         static_cast<int32_t>(bits_of(from[i]) & 0x7FFFFFFF));
  }
  check(static_cast<uint32_t>(most_bits) < kInfinity, "linear",
        "int8 weights must be finite; use float32");
  const float scale = std::bit_cast<float>(most_bits) / kMostInt8;
  if (!(scale > 0)) {
    std::memset(to, 0, static_cast<size_t>(columns_));
    return {scale, 0};
  }
  constexpr int32_t kMost = static_cast<int32_t>(kMostInt8);
  const int32_t zero = std::bit_cast<int32_t>(kOnlyIntegers);
  for (int64_t i = 0; i < columns_; ++i) {
    const int32_t q =
        std::bit_cast<int32_t>(from[i] / scale + kOnlyIntegers) - zero;
    to[i] = static_cast<int8_t>(std::clamp(q, -kMost, kMost));
  }
  return {scale, sum_of(to, columns_)};
}

}  // namespace pyattn
