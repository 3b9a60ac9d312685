#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/generic/linear.h"
#include "kernels/generic/product.h"
#include "kernels/generic/split.h"
#include "kernels/table.h"

// The product of int8 weights with inputs that have a scale and a zero for each
// group. The sum of a group is an integer and exact, less its zero times the
// sum of the column's weights, which lies behind the group in the panel. The
// group's scale takes it to a sum in float32, group after group, so all levels
// with a fused multiply-add have the same bits. Of 64 inputs these are four
// instructions after sixteen products.
namespace pyattn::kernels {

// A tile has two sums of each row and vector: its group's, and that of all.
template <class Vec, class Dot>
constexpr int grouped_tile_rows() {
  if constexpr (requires { Dot::kGroupedTileRows; }) {
    return Dot::kGroupedTileRows;
  } else {
    return Vec::kTileRows > 8 ? 6 : 2;
  }
}

// Whether rows are of kInt8GroupsSplit.
template <class Dot>
inline constexpr bool kSplitGroups = requires { Dot::kGroupedTileRows; };

// What store_rows has to know: sums are floats, and the row's scale is in them.
template <class Vec>
struct GroupedProduct {
  using Lanes = Vec;
  using Sum = Vec;
  struct Columns {
    Vec scale;
  };
  static constexpr int kWeightBytes = 4;

  static Columns columns(const LinearArgs& args, int64_t column) {
    return {Vec::load(args.scale + column)};
  }
  static Vec value(Sum sum, const Columns& columns, const LinearArgs&,
                   int64_t) {
    return sum * columns.scale;
  }
};

// The parts of a group that begins at `steps`; the first of the next one.
template <class Vec, class Dot>
[[gnu::always_inline]] inline const SplitPart* add_parts(
    const SplitPart* part, int64_t steps, const char* weight,
    typename Dot::Sum (&sums)[Vec::kPanelVecs]) {
  for (; part->step < steps + kInputGroupSteps; ++part) {
    add_part<Vec, Dot>(*part, part->step - steps, weight, sums);
  }
  return part;
}

template <class Vec, class Dot, int kRows, bool kAhead>
void grouped_tile(const LinearArgs& args, int64_t row, int64_t column,
                  const char* weight, const char* ahead) {
  using Int8 = Int8Product<Vec, Dot>;
  constexpr int kVecs = Vec::kPanelVecs;
  constexpr int64_t kVecBytes = Vec::kWidth * 4;
  const int64_t stride = args.x_stride * 4;
  const char* x = static_cast<const char*>(args.x) + row * stride;
  const int64_t groups = args.steps / kInputGroupSteps;
  const char* scales = x + args.steps * 4;
  Vec sums[kRows][kVecs];
  const SplitPart* parts[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      sums[r][c] = Vec::zero();
    }
    if constexpr (kSplitGroups<Dot>) {
      SplitRest rest;
      parts[r] = find_parts<Vec>(args, row + r,
                                 scales + r * stride + groups * 12, rest);
    }
  }
  for (int64_t g = 0; g < groups; ++g) {
    typename Dot::Sum group[kRows][kVecs];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      typename Dot::Sum start = Dot::zero();
      if constexpr (kSplitGroups<Dot>) {
        start = Int8::word(scales + r * stride + (2 * groups + g) * 4);
      }
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        group[r][c] = start;
      }
    }
    const char* const begin = weight;
    for (int64_t i = 0; i < kInputGroupSteps; ++i) {
      typename Dot::Weights w[kVecs];
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        w[c] = Dot::load(weight + c * kVecBytes);
        if (kRows > kFewRows && c * kVecBytes % kLine == 0) {
          __builtin_prefetch(weight + c * kVecBytes + kPrefetchAhead, 0, 2);
        }
      }
      if constexpr (kAhead) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += kLine;
      }
      weight += kVecs * kVecBytes;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const typename Dot::Word a = Int8::word(x + r * stride + i * 4);
#pragma GCC unroll 4
        for (int c = 0; c < kVecs; ++c) {
          group[r][c] = Dot::add(a, w[c], group[r][c]);
        }
      }
    }
    x += kInputGroup;
    if constexpr (kSplitGroups<Dot>) {
      const int64_t steps = g * kInputGroupSteps;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        parts[r] = add_parts<Vec, Dot>(parts[r], steps, begin, group[r]);
      }
    }
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      const int32_t* columns =
          reinterpret_cast<const int32_t*>(weight + c * kVecBytes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const char* own = scales + r * stride + g * 4;
        const Vec scale = Float32Product<Vec>::word(own);
        int32_t zero;
        std::memcpy(&zero, own + groups * 4, sizeof(zero));
        sums[r][c] = fma(Vec{Dot::to_floats(group[r][c], columns, zero)}, scale,
                         sums[r][c]);
      }
    }
    weight += kVecs * kVecBytes;
  }
  // A copy: an array whose address is taken would live in memory throughout.
  Vec stored[kRows * kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      stored[r * kVecs + c] = sums[r][c];
    }
  }
  store_rows<GroupedProduct<Vec>, kVecs>(args, row, column, kRows, stored);
}

// A tile of `rows` rows, which are kRows or fewer.
template <class Vec, class Dot, int kRows>
void grouped_rows(const LinearArgs& args, int64_t rows, int64_t row,
                  int64_t column, const char* panel, const char* ahead) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return grouped_rows<Vec, Dot, kRows - 1>(args, rows, row, column, panel,
                                               ahead);
    }
  }
  if (ahead == nullptr) {
    grouped_tile<Vec, Dot, kRows, false>(args, row, column, panel, ahead);
  } else {
    grouped_tile<Vec, Dot, kRows, true>(args, row, column, panel, ahead);
  }
}

template <class Vec, class Dot>
void linear_grouped(const LinearArgs& args) {
  using Product = GroupedProduct<Vec>;
  constexpr int64_t kPanel = kPanelColumns<Product>;
  constexpr int kTile = grouped_tile_rows<Vec, Dot>();
  const int64_t columns = columns_of<Product>(args);
  const int64_t groups = args.steps / kInputGroupSteps;
  const int64_t panel_bytes = groups * grouped_bytes<Vec>(kPanel);
  const int64_t most = kBlockBytes / (args.steps * 4);
  const int64_t block = most < 2 * kTile ? 2 * kTile : most / kTile * kTile;
  for (int64_t begin = 0; begin < args.rows; begin += block) {
    const int64_t left = args.rows - begin;
    const int64_t rows = left < block ? left : block;
    const int64_t tiles = (rows + kTile - 1) / kTile;
    const char* panel = static_cast<const char*>(args.weight);
    for (int64_t column = 0; column < columns; column += kPanel) {
      const char* const next = panel + panel_bytes;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t first = rows * t / tiles;
        const int64_t end = rows * (t + 1) / tiles;
        // As in `linear`: tile t asks for a line per step of the next panel.
        const bool asks = tiles > 1 && t * kLine < kStepBytes<Product>;
        grouped_rows<Vec, Dot, kTile>(
            args, end - first, begin + first, column, panel,
            asks ? next + t * args.steps * kLine : nullptr);
      }
      panel = next;
    }
  }
}

}  // namespace pyattn::kernels
