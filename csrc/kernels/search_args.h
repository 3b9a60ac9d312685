#pragma once

#include <cstdint>

// Arguments of the kernels of a search of the vocabulary; a part of table.h.
namespace pyattn {

/// What a product of bounds finds: panels of a row with a sum above its bar.
struct BoundHits {
  int64_t count;    // so far; there is room for all rows and panels
  int32_t* rows;    // [count]: from 0 on, as the panels
  int32_t* panels;  // [count]
  uint32_t* above;  // [count]: bit c is set if column c's sum exceeds the bar
  int32_t* sums;    // [count, panel]
};

/// Inputs of a product of bounds that are norms: that of the rounding of the
/// first coordinates, and those of blocks of the others.
inline constexpr int64_t kBoundNorms = 4;

/// A row of the product of bounds: its first coordinates in int8, zero in the
/// middle of the range, and its norms times `factors`, rounded up.
struct BoundRowArgs {
  const float* z;        // [dim]: coordinates
  int64_t kept, dim;     // the first `kept` are multiplied
  const float* factors;  // [kBoundNorms]
  float most_norm;       // beyond it sums may overflow
  int8_t* words;         // [kept + kBoundNorms]
  float* scale;          // of the words; NaN if they cannot hold the row
  float* kept_norm;      // at least that of the first coordinates, as rounded
  float* norm;           // of all
};

/// Single outputs of the int8 product, bit by bit, from rows of inputs and of
/// weights.
struct DotsArgs {
  const char* x;              // [any, bytes]
  const char* weight;         // [any, bytes]
  int64_t bytes;              // a multiple of 64
  const float* x_scale;       // of each row of x, as in LinearArgs
  const int32_t* x_zero;      // likewise
  const float* scale;         // of each row of the weights
  const int32_t* column_sum;  // likewise
  const float* bias;          // likewise
  const int32_t* rows;        // [count], of x
  const int32_t* columns;     // [count], of the weights
  float* y;                   // [count]
  int64_t count;
};

}  // namespace pyattn
