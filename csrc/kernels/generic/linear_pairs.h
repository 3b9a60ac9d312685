#pragma once

#include <cstdint>

#include "kernels/generic/linear.h"
#include "kernels/generic/product.h"
#include "kernels/table.h"

// The int8 product for instructions that multiply two rows by two columns, such
// as Arm's smmla. The weights are packed as for every other level: two steps of
// a vector, [4 columns][4 inputs] each, interleave to twice [2 columns]
// [8 inputs]. For a tile of 6 rows, two steps and 16 columns that makes 24
// products, 8 interleavings and 3 joined pairs of rows, where the dot product
// takes 48 instructions. Weights packed in pairs of columns would save the 8,
// but a single row, which has no partner, would compute everything twice; here
// it takes the dot product.
namespace pyattn::kernels {

template <class Vec, class Dot>
struct PairedInt8Product : Int8Product<Vec, Dot> {
  static constexpr int kVecs = Vec::kPanelVecs;
  static constexpr int64_t kVecBytes = Vec::kWidth * 4;
  static constexpr int64_t kStep = kVecs * kVecBytes;

  // The sums of a tile's rows, two by two.
  template <int kRows>
  struct Tile {
    static constexpr int kPairs = (kRows + 1) / 2;
    typename Dot::PairSum sums[kPairs][kVecs];

    // Adds the next one step, or the next two.
    template <int kSteps>
    void add(const char* x, int64_t stride, const char* weight) {
      typename Dot::PairWords a[kPairs];
#pragma GCC unroll 8
      for (int p = 0; p < kPairs; ++p) {
        // The last of an odd number of rows is its own partner.
        const int second = 2 * p + 1 < kRows ? 2 * p + 1 : 2 * p;
        a[p] = Dot::template pair_words<kSteps>(x + 2 * p * stride,
                                                x + second * stride);
      }
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        const typename Dot::PairWeights w =
            Dot::template pair_weights<kSteps>(weight + c * kVecBytes, kStep);
#pragma GCC unroll 8
        for (int p = 0; p < kPairs; ++p) {
          sums[p][c] = Dot::add_pair(a[p], w, sums[p][c]);
        }
      }
    }
  };

  template <int kRows>
    requires(kRows > 1)
  static void tile(const LinearArgs& args, int64_t row, int64_t column,
                   const char* ahead) {
    const int64_t stride = args.x_stride * 4;
    const char* x = static_cast<const char*>(args.x) + row * stride;
    const char* weight =
        static_cast<const char*>(args.weight) + column * args.steps * 4;
    Tile<kRows> pairs;
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
#pragma GCC unroll 8
      for (int p = 0; p < Tile<kRows>::kPairs; ++p) {
        pairs.sums[p][c] = Dot::zero_pair();
      }
    }
    int64_t i = 0;
    for (; i + 2 <= args.steps; i += 2) {
      if constexpr (kRows > kFewRows) {
        for (int64_t line = 0; line < 2 * kStep; line += kLine) {
          __builtin_prefetch(weight + line + kPrefetchAhead, 0, 2);
        }
      }
      if (ahead != nullptr) {
        __builtin_prefetch(ahead, 0, 2);
        __builtin_prefetch(ahead + kLine, 0, 2);
        ahead += 2 * kLine;
      }
      pairs.template add<2>(x + i * 4, stride, weight);
      weight += 2 * kStep;
    }
    if (i < args.steps) {
      pairs.template add<1>(x + i * 4, stride, weight);
    }
    typename Dot::Sum stored[kRows * kVecs];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        stored[r * kVecs + c] = Dot::row_of_pair(pairs.sums[r / 2][c], r % 2);
      }
    }
    store_rows<PairedInt8Product, kVecs>(args, row, column, kRows, stored);
  }
};

}  // namespace pyattn::kernels
