#pragma once

#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/table.h"

// The packed matrix product. Weights lie in panels of a few vectors' columns,
// [in][panel] each, so that a tile of rows times a panel reads them as one
// stream; x is read in place, an element broadcast at a time. A tile's sums
// stay in registers over the whole of `in`: no partial sum goes through memory,
// and every element of y is one chain of additions whatever the tile's height.
//
// The hardware's prefetchers alone leave the stream of weights late. Each tile
// asks for its own panel two KiB ahead; where a panel is read by several tiles,
// the first ones also ask for the next panel, one line a step. On a 2.5 GHz
// AVX-512 core, weights in memory, 33 rows of 512 x 2048: 37 GFLOPS without, 42
// with the near, 53 with both; 75, 90 and 106 with 256 x 1024 in L3.
namespace pyattn::kernels {

inline constexpr int64_t kLine = 16;            // floats of a cache line
inline constexpr int64_t kPrefetchAhead = 512;  // floats

// The part of x that a block of rows reads is kept below a share of L2, since
// it is read again for every panel.
inline constexpr int64_t kBlockFloats = 64 * 1024;

template <class Vec, int kRows, bool kAhead>
void linear_tile(const LinearArgs& args, int64_t row, int64_t column,
                 const float* ahead) {
  constexpr int kVecs = Vec::kPanelVecs;
  const float* x = args.x + row * args.x_stride;
  const float* weight = args.weight + column * args.in;
  Vec sums[kRows][kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      sums[r][c] = Vec::zero();
    }
  }
  for (int64_t i = 0; i < args.in; ++i) {
    Vec w[kVecs];
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      w[c] = Vec::load(weight + c * Vec::kWidth);
      __builtin_prefetch(weight + c * Vec::kWidth + kPrefetchAhead);
    }
    if constexpr (kAhead) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += kLine;
    }
    weight += kVecs * Vec::kWidth;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec a = Vec::broadcast(x[r * args.x_stride + i]);
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        sums[r][c] = fma(a, w[c], sums[r][c]);
      }
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < kVecs; ++c) {
    const int64_t at = column + c * Vec::kWidth;
    const int64_t count = args.out - at;
    if (count <= 0) {
      break;
    }
    const Vec bias = Vec::load(args.bias + at);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      Vec y = activate(args.activation, sums[r][c] + bias);
      if (args.residual != nullptr) {
        y = y +
            load_up_to<Vec>(
                args.residual + (row + r) * args.residual_stride + at, count);
      }
      store_up_to(y, args.y + (row + r) * args.y_stride + at, count);
    }
  }
}

// A tile of `rows` rows, which are kRows or fewer.
template <class Vec, int kRows>
void linear_rows(const LinearArgs& args, int64_t rows, int64_t row,
                 int64_t column, const float* ahead) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return linear_rows<Vec, kRows - 1>(args, rows, row, column, ahead);
    }
  }
  if (ahead == nullptr) {
    linear_tile<Vec, kRows, false>(args, row, column, ahead);
  } else {
    linear_tile<Vec, kRows, true>(args, row, column, ahead);
  }
}

template <class Vec>
void linear(const LinearArgs& args) {
  constexpr int64_t kPanel = Vec::kPanelVecs * Vec::kWidth;
  constexpr int64_t kTile = Vec::kTileRows;
  const int64_t most = kBlockFloats / (args.in > 0 ? args.in : 1);
  const int64_t block = most < 2 * kTile ? 2 * kTile : most / kTile * kTile;
  for (int64_t begin = 0; begin < args.rows; begin += block) {
    const int64_t left = args.rows - begin;
    const int64_t rows = left < block ? left : block;
    // Tiles of nearly equal height: 32 rows are 11 + 11 + 10, not 12 + 12 + 8.
    const int64_t tiles = (rows + kTile - 1) / kTile;
    for (int64_t column = 0; column < args.out; column += kPanel) {
      const float* next = args.weight + (column + kPanel) * args.in;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t first = rows * t / tiles;
        const int64_t end = rows * (t + 1) / tiles;
        // Tile t takes lines t * in to (t + 1) * in of the next panel.
        const bool asks = tiles > 1 && t < kPanel / kLine;
        linear_rows<Vec, Vec::kTileRows>(
            args, end - first, begin + first, column,
            asks ? next + t * args.in * kLine : nullptr);
      }
    }
  }
}

}  // namespace pyattn::kernels
