#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/generic/linear.h"
#include "kernels/generic/product.h"
#include "kernels/table.h"

// The product with int4 weights, which are read as they lie: 17 bytes for 32
// weights. A group's q are multiplied and summed first; its s is a factor of
// that sum, one multiplication for 32 of them. All sums are integers, so they
// are those of the int8 product with the expanded weights, bit by bit.
//
// Unpacking is hidden while the weights come from memory, and takes an eighth
// of the time of many rows. PackedLinear expands the panels, once each, for
// more rows than `most_rows`: from there on the int8 product of the level is
// quicker, as measured. Sums of 16 * q, which VNNI takes an instruction less to
// unpack, fit a group's 32 bits.
namespace pyattn::kernels {

// A tile has two sums of each row and vector: its group's, and that of all.
template <class Vec>
inline constexpr int kInt4TileRows = Vec::kTileRows > 8 ? 6 : 2;

template <class Vec, class Dot, int kRows>
void int4_tile(const LinearArgs& args, int64_t row, int64_t column,
               const char* panel) {
  using Product = Int8Product<Vec, Dot>;
  constexpr int kVecs = Vec::kPanelVecs;
  constexpr int64_t kPanel = kPanelColumns<Product>;
  constexpr int64_t kVecBytes = Vec::kWidth * 4;
  const int64_t stride = args.x_stride * 4;
  const char* x = static_cast<const char*>(args.x) + row * stride;
  const char* scale = panel;
  const char* weight = panel;
  typename Dot::Sum sums[kRows][kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      sums[r][c] = Dot::zero();
    }
  }
  for (int64_t i = 0; i < args.steps; i += kInt4Steps) {
    if (i * kPanel % (kLine * kInt4Steps) == 0) {  // as int4_place has it
      scale = weight;
      weight += kLine;
    }
    typename Dot::Group groups[kRows][kVecs];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        groups[r][c] = Dot::group();
      }
    }
#pragma GCC unroll 4
    for (int pair = 0; pair < kInt4Steps / 2; ++pair) {
      typename Dot::Weights low[kVecs], high[kVecs];
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        Dot::nibbles(weight + c * kVecBytes, low[c], high[c]);
        if (kRows > kFewRows && c * kVecBytes % kLine == 0) {
          __builtin_prefetch(weight + c * kVecBytes + kPrefetchAhead);
        }
      }
      weight += kVecs * kVecBytes;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const char* words = x + r * stride + (i + 2 * pair) * 4;
        const typename Dot::Word a = Product::word(words);
        const typename Dot::Word b = Product::word(words + 4);
#pragma GCC unroll 4
        for (int c = 0; c < kVecs; ++c) {
          groups[r][c] = Dot::add_to_group(a, low[c], groups[r][c]);
          groups[r][c] = Dot::add_to_group(b, high[c], groups[r][c]);
        }
      }
    }
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      const typename Dot::Scales s =
          Dot::scales(reinterpret_cast<const int8_t*>(scale) + c * Vec::kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        sums[r][c] = Dot::fold(groups[r][c], s, sums[r][c]);
      }
    }
    scale += kPanel;
  }
  // A copy: an array whose address is taken would live in memory throughout.
  typename Product::Sum stored[kRows * kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      stored[r * kVecs + c] = sums[r][c];
    }
  }
  store_rows<Product, kVecs>(args, row, column, kRows, stored);
}

// A tile of `rows` rows, which are kRows or fewer.
template <class Vec, class Dot, int kRows>
void int4_rows(const LinearArgs& args, int64_t rows, int64_t row,
               int64_t column, const char* panel) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return int4_rows<Vec, Dot, kRows - 1>(args, rows, row, column, panel);
    }
  }
  int4_tile<Vec, Dot, kRows>(args, row, column, panel);
}

template <class Vec, class Dot>
void linear_int4(const LinearArgs& args) {
  using Product = Int8Product<Vec, Dot>;
  constexpr int64_t kPanel = kPanelColumns<Product>;
  constexpr int kTile = kInt4TileRows<Vec>;
  const int64_t columns = columns_of<Product>(args);
  const int64_t tiles = (args.rows + kTile - 1) / kTile;
  const char* panel = static_cast<const char*>(args.weight);
  for (int64_t column = 0; column < columns; column += kPanel) {
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t first = args.rows * t / tiles;
      const int64_t end = args.rows * (t + 1) / tiles;
      int4_rows<Vec, Dot, kTile>(args, end - first, first, column, panel);
    }
    panel += int4_panel_bytes<Vec>(args.steps, kPanel);
  }
}

// Sixteen bits at a time, in the compiler's own vectors. With n = q + 8, from 0
// to 15, and |s| up to 15, n |s| fits a byte: one product of 16 bits multiplies
// two n, and n |s| - 8 |s| is q |s|. Where s is negative so is the difference,
// which is made of the complements: ~a - ~b = b - a.
template <class Vec, class Dot>
void expand(const ExpandArgs& args) {
  constexpr int64_t kPanel = Vec::kPanelVecs * Vec::kWidth;
  constexpr int64_t kBytes = Vec::kWidth * 4;
  typedef uint16_t Shorts __attribute__((vector_size(kBytes)));
  typedef uint8_t Bytes __attribute__((vector_size(kBytes)));
  typedef int8_t Signed __attribute__((vector_size(kBytes)));
  typedef uint32_t Words __attribute__((vector_size(kBytes)));
  const char* const panel = static_cast<const char*>(args.weight);
  const int64_t panel_bytes = int4_panel_bytes<Vec>(args.steps, kPanel);
  char* to = static_cast<char*>(args.words);
  for (int64_t group = 0; group < args.steps / kInt4Steps; ++group) {
    const Int4Place place = int4_place<Vec>(group, kPanel);
    for (int c = 0; c < Vec::kPanelVecs; ++c) {
      const typename Dot::Scales scales =
          Dot::scales(reinterpret_cast<const int8_t*>(panel) + place.scale +
                      c * Vec::kWidth);
      Words lowest;
      std::memcpy(&lowest, &scales, sizeof(lowest));
      const Bytes s = (Bytes)((lowest & 0xFF) * 0x01010101U);
      const Bytes negative = (Bytes)((Signed)s < 0);
      const Bytes size = (s ^ negative) - negative;
      const Shorts factor = (Shorts)size & 0xFF;
      const Bytes eight = (Bytes)((Shorts)size << 3) ^ negative;
      const auto expanded = [&](Shorts n) {
        return ((Bytes)(n * factor) ^ negative) - eight;
      };
      const char* pairs = panel + place.words + c * kBytes;
      for (int step = 0; step < kInt4Steps; step += 2) {
        const char* from = pairs + step / 2 * kPanel * 4;
        __builtin_prefetch(from + panel_bytes, 0, 2);
        Shorts pair;
        std::memcpy(&pair, from, sizeof(pair));
        pair ^= 0x8888;
        const Bytes low = expanded(pair & 0x0F0F);
        const Bytes high = expanded(pair >> 4 & 0x0F0F);
        char* const words = to + step * kPanel * 4 + c * kBytes;
        std::memcpy(words, &low, sizeof(low));
        std::memcpy(words + kPanel * 4, &high, sizeof(high));
      }
    }
    to += kInt4Steps * kPanel * 4;
  }
}

}  // namespace pyattn::kernels
