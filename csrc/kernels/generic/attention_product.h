#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/generic/math.h"

// The two products of tiled attention, q k^T and weights v, on "words": what
// the level's product takes from either side in one step.
namespace pyattn::kernels {

// out[row][column] = (out[row][column] * before[row] +
//     sum over i of left(row, i) * right[i][column]) * after[row]
//
// Without `before` the sum starts at nothing; without `after` it stays as it
// is. All strides in words, which are as large as floats.
struct AttentionProduct {
  const float* left;  // a row's words or a step's words are neighbours
  const float* right;
  float* out;
  const float* before;
  const float* after;
  int64_t rows, columns, length;
  int64_t left_stride, right_stride, out_stride;
};

template <class Words, bool kTurned>
void attention_product(const AttentionProduct& p);

// One word is one float.
template <class Vec>
struct Float32Words {
  using Lanes = Vec;
  using Word = Vec;
  static constexpr int kElements = 1;  // of a word
  static constexpr int kSteps = 1;     // words that are multiplied at once

  template <bool kTurned>
  static void multiply(const AttentionProduct& p) {
    attention_product<Float32Words, kTurned>(p);
  }

  static Word broadcast(const float* word) { return Vec::broadcast(*word); }
  static Word load(const float* words, int64_t count) {
    return load_up_to<Vec>(words, count);
  }
  static Vec add(Word a, Word b, Vec sum) { return fma(a, b, sum); }
};

// One word is two bfloat16: of neighbouring elements in q k^T, of neighbouring
// keys in the other product. What is loaded is whole vectors.
template <class Vec, class Dot>
struct BFloat16Words {
  using Lanes = Vec;
  using Word = typename Dot::Word;
  static constexpr int kElements = 2;
  static constexpr int kSteps = 1;

  template <bool kTurned>
  static void multiply(const AttentionProduct& p) {
    attention_product<BFloat16Words, kTurned>(p);
  }

  static Word broadcast(const float* word) {
    int32_t two;
    std::memcpy(&two, word, sizeof(two));
    return Dot::word(two);
  }
  static Word load(const float* words, int64_t) {
    return Dot::load(reinterpret_cast<const char*>(words));
  }
  static Vec add(Word a, Word b, Vec sum) { return {Dot::add(a, b, sum.v)}; }
  // Words of an even and an odd element.
  static Vec pair(Vec even, Vec odd) { return {Dot::pair(even.v, odd.v)}; }
};

// Loads kWidth x kWidth floats turned: out[j][i] = rows[i][j]. What lies
// outside of [rows, columns] is zero.
template <class Vec>
void load_turned(const float* from, int64_t stride, int64_t rows,
                 int64_t columns, Vec (&out)[Vec::kWidth]) {
  for (int i = 0; i < Vec::kWidth; ++i) {
    out[i] =
        i < rows ? load_up_to<Vec>(from + i * stride, columns) : Vec::zero();
  }
  transpose(out);
}

// kRows x kVecs sums, from `row` and `column` on. The words of a row are
// neighbours, or with kTurned those of a step.
template <class Words, bool kTurned, int kRows, int kVecs>
void attention_tile(const AttentionProduct& p, int64_t row, int64_t column) {
  using Vec = typename Words::Lanes;
  const int64_t row_stride = kTurned ? 1 : p.left_stride;
  const int64_t step = kTurned ? p.left_stride : 1;
  // Of the last vector; the others are whole.
  const int64_t count = kVecs > 1 ? Vec::kWidth : p.columns - column;
  const float* left = p.left + row * row_stride;
  const float* right = p.right + column;
  float* const out = p.out + row * p.out_stride + column;
  // Copies, since `p` might be among what is written to `out`.
  const float* const before = p.before == nullptr ? nullptr : p.before + row;
  const float* const after = p.after == nullptr ? nullptr : p.after + row;
  const int64_t right_stride = p.right_stride;
  const int64_t out_stride = p.out_stride;
  const int64_t length = p.length;
  Vec sums[kRows][kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      sums[r][c] =
          before == nullptr
              ? Vec::zero()
              : load_up_to<Vec>(out + r * out_stride + c * Vec::kWidth, count) *
                    Vec::broadcast(before[r]);
    }
  }
  for (int64_t i = 0; i < length; ++i) {
    typename Words::Word b[kVecs];
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      b[c] = Words::load(right + c * Vec::kWidth, count);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const typename Words::Word a = Words::broadcast(left + r * row_stride);
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        sums[r][c] = Words::add(a, b[c], sums[r][c]);
      }
    }
    left += step;
    right += right_stride;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      const Vec sum =
          after == nullptr ? sums[r][c] : sums[r][c] * Vec::broadcast(after[r]);
      store_up_to(sum, out + r * out_stride + c * Vec::kWidth, count);
    }
  }
}

// A tile of `rows` rows, which are kRows or fewer.
template <class Words, bool kTurned, int kRows>
void attention_rows(const AttentionProduct& p, int64_t row, int64_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return attention_rows<Words, kTurned, kRows - 1>(p, row, rows);
    }
  }
  using Vec = typename Words::Lanes;
  int64_t column = 0;
  for (; column + 2 * Vec::kWidth <= p.columns; column += 2 * Vec::kWidth) {
    attention_tile<Words, kTurned, kRows, 2>(p, row, column);
  }
  for (; column < p.columns; column += Vec::kWidth) {
    attention_tile<Words, kTurned, kRows, 1>(p, row, column);
  }
}

template <class Words, bool kTurned>
void attention_product(const AttentionProduct& p) {
  constexpr int kTile = Words::Lanes::kTileRows;
  // Tiles of nearly equal height: 32 rows are 11 + 11 + 10, not 12 + 12 + 8.
  const int64_t tiles = (p.rows + kTile - 1) / kTile;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = p.rows * t / tiles;
    attention_rows<Words, kTurned, kTile>(p, first,
                                          p.rows * (t + 1) / tiles - first);
  }
}

}  // namespace pyattn::kernels
