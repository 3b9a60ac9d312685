#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/table.h"

// What one step of a packed matrix product does in each number type. A step
// multiplies one word of four bytes of an input row, which is one float, two
// bfloat16 or four int8, by the matching weights of every column of a panel.
namespace pyattn::kernels {

template <class Vec>
struct Float32Product {
  using Lanes = Vec;
  using Sum = Vec;
  struct Columns {};
  using Word = Vec;
  using Weights = Vec;
  static constexpr int kWeightBytes = 4;  // of a column in a step

  static Sum start(const char*, int64_t) { return Vec::zero(); }
  static Word word(const char* x) { return Vec::broadcast(float_at(x)); }
  static Weights weights(const char* w) {
    return Vec::load(reinterpret_cast<const float*>(w));
  }
  static Sum add(Word a, Weights w, Sum sum) { return fma(a, w, sum); }
  static Columns columns(const LinearArgs&, int64_t) { return {}; }
  static Vec value(Sum sum, const Columns&, const LinearArgs&, int64_t) {
    return sum;
  }

  static float float_at(const char* x) {
    float value;
    std::memcpy(&value, x, sizeof(value));
    return value;
  }
};

// bfloat16 weights are the upper halves of floats; the arithmetic is float32.
template <class Vec>
struct BFloat16Product : Float32Product<Vec> {
  static constexpr int kWeightBytes = 2;

  static Vec weights(const char* w) {
    return Vec::load_bfloat16(reinterpret_cast<const uint16_t*>(w));
  }
};

// Inputs and weights in bfloat16, two of them in a word; sums in float32.
template <class Vec, class Dot>
struct BFloat16PairProduct {
  using Lanes = Vec;
  using Sum = Vec;
  struct Columns {};
  using Word = typename Dot::Word;
  using Weights = typename Dot::Weights;
  static constexpr int kWeightBytes = 4;

  static Sum start(const char*, int64_t) { return Vec::zero(); }
  static Word word(const char* x) {
    int32_t value;
    std::memcpy(&value, x, sizeof(value));
    return Dot::word(value);
  }
  static Weights weights(const char* w) { return Dot::load(w); }
  static Sum add(Word a, Weights w, Sum sum) { return {Dot::add(a, w, sum.v)}; }
  static Columns columns(const LinearArgs&, int64_t) { return {}; }
  static Vec value(Sum sum, const Columns&, const LinearArgs&, int64_t) {
    return sum;
  }
};

// Sums of int8 products are exact in int32: 255 * 127 * 2^16 terms fit. The
// rows' zeros, and the scales of row and column, come in at the end.
template <class Vec, class Dot>
struct Int8Product {
  using Lanes = Vec;
  using Sum = typename Dot::Sum;
  using Word = typename Dot::Word;
  using Weights = typename Dot::Weights;
  static constexpr int kWeightBytes = 4;

  static Sum start(const char*, int64_t) { return Dot::zero(); }
  static Word word(const char* x) {
    int32_t value;
    std::memcpy(&value, x, sizeof(value));
    return Dot::word(value);
  }
  static Weights weights(const char* w) { return Dot::load(w); }
  static Sum add(Word a, Weights w, Sum sum) { return Dot::add(a, w, sum); }
  struct Columns {
    Vec scale;
    const int32_t* sums;
  };
  static Columns columns(const LinearArgs& args, int64_t column) {
    return {Vec::load(args.scale + column), args.column_sum + column};
  }
  static Vec value(Sum sum, const Columns& columns, const LinearArgs& args,
                   int64_t row) {
    return Vec{Dot::to_floats(sum, columns.sums, args.x_zero[row])} *
           (Vec::broadcast(args.x_scale[row]) * columns.scale);
  }
};

}  // namespace pyattn::kernels
