#pragma once

#include <cstdint>

#include "kernels/generic/linear.h"
#include "kernels/generic/product.h"
#include "kernels/generic/vocabulary.h"
#include "kernels/table.h"

// The int8 product of a search of the vocabulary: its sums are bounds of
// logits, of which the largest of each panel is of interest, and that only if
// it exceeds the row's bar. So a tile's end is a comparison for each row, in
// place of conversions and stores, which took as long as half of the sums of a
// hundred inputs.
namespace pyattn::kernels {

template <class Vec, class Dot>
struct BoundProduct : Int8Product<Vec, Dot> {
  using Base = Int8Product<Vec, Dot>;

  // In the place of store_rows, and likewise a call of its own where there are
  // many sums. Of one row the call would take a quarter of the time.
  template <int kVecs, int kRows>
  [[gnu::always_inline]] static inline void store(
      const LinearArgs& args, int64_t row, int64_t column,
      const typename Base::Sum* sums) {
    if constexpr (kRows > kFewRows) {
      store_rows<kVecs>(args, row, column, kRows, sums);
    } else {
      compare<kVecs>(args, row, column, kRows, sums);
    }
  }

  template <int kVecs>
  [[gnu::noinline]] static void store_rows(const LinearArgs& args, int64_t row,
                                           int64_t column, int64_t count,
                                           const typename Base::Sum* sums) {
    compare<kVecs>(args, row, column, count, sums);
  }

  template <int kVecs>
  [[gnu::always_inline]] static inline void compare(
      const LinearArgs& args, int64_t row, int64_t column, int64_t count,
      const typename Base::Sum* sums) {
    typename Base::Columns columns[kVecs];
    Vec bias[kVecs];
    for (int c = 0; c < kVecs; ++c) {
      const int64_t at = column + c * Vec::kWidth;
      columns[c] = Base::columns(args, at);
      // What lies past the last column is never the largest.
      bias[c] = at + Vec::kWidth <= args.out
                    ? Vec::load(args.bias + at)
                    : load_or_never<Vec>(args.bias + at,
                                         at < args.out ? args.out - at : 0);
    }
    float* const y = args.y + column / (kVecs * Vec::kWidth);
    for (int64_t r = row; r < row + count; ++r) {
      const typename Base::Sum* const own = sums + (r - row) * kVecs;
      Vec most = Base::value(own[0], columns[0], args, r) + bias[0];
      for (int c = 1; c < kVecs; ++c) {
        most = max(Base::value(own[c], columns[c], args, r) + bias[c], most);
      }
      y[r * args.y_stride] =
          greater_bits(most, Vec::broadcast(args.bar[r])) != 0
              ? reduce_max(most)
              : -INFINITY;
    }
  }
};

}  // namespace pyattn::kernels
