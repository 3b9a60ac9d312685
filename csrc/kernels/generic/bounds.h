#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/generic/linear.h"
#include "kernels/generic/math.h"
#include "kernels/generic/product.h"
#include "kernels/table.h"

// What a search of the vocabulary computes: rows of coordinates and norms, the
// int8 product of these, whose sums are bounds of logits, and the exact sums of
// the few tokens that are left.
namespace pyattn::kernels {

// A tile's end is a comparison of integers, in place of conversions and stores,
// which took as long as half of the sums of a hundred inputs. Few panels have a
// sum of interest.
template <class Vec, class Dot>
struct BoundProduct : Int8Product<Vec, Dot> {
  using Sum = typename Dot::Sum;

  // In the place of store_rows, and likewise a call of its own where there are
  // many sums. Of one row the call would take a quarter of the time.
  template <int kVecs, int kRows>
  [[gnu::always_inline]] static inline void store(const LinearArgs& args,
                                                  int64_t row, int64_t column,
                                                  const Sum* sums) {
    if constexpr (kRows > kFewRows) {
      store_rows<kVecs>(args, row, column, kRows, sums);
    } else {
      compare<kVecs>(args, row, column, kRows, sums);
    }
  }

  template <int kVecs>
  [[gnu::noinline]] static void store_rows(const LinearArgs& args, int64_t row,
                                           int64_t column, int64_t count,
                                           const Sum* sums) {
    compare<kVecs>(args, row, column, count, sums);
  }

  template <int kVecs>
  [[gnu::always_inline]] static inline void compare(const LinearArgs& args,
                                                    int64_t row, int64_t column,
                                                    int64_t count,
                                                    const Sum* sums) {
    static_assert(kVecs * Vec::kWidth <= 32, "a bit for each column");
    Sum zeros[kVecs];
    for (int c = 0; c < kVecs; ++c) {
      zeros[c] = Dot::times(args.column_sum + column + c * Vec::kWidth,
                            args.x_zero[row]);
    }
    for (int64_t r = row; r < row + count; ++r) {
      uint32_t above = 0;
      Sum own[kVecs];
      for (int c = 0; c < kVecs; ++c) {
        own[c] = Dot::minus(sums[(r - row) * kVecs + c], zeros[c]);
        above |= Dot::greater_bits(own[c], args.bar[r]) << (c * Vec::kWidth);
      }
      if (above != 0) {
        BoundHits& hits = *args.hits;
        const int64_t at = hits.count++;
        hits.rows[at] = static_cast<int32_t>(r);
        hits.panels[at] = static_cast<int32_t>(column / (kVecs * Vec::kWidth));
        hits.above[at] = above;
        for (int c = 0; c < kVecs; ++c) {
          Dot::store(own[c], hits.sums + (at * kVecs + c) * Vec::kWidth);
        }
      }
    }
  }
};

template <class Vec>
float norm_of(const float* x, int64_t count) {
  Vec squares = Vec::zero();
  for (int64_t i = 0; i < count; i += Vec::kWidth) {
    const Vec value = load_up_to<Vec>(x + i, count - i);
    squares = fma(value, value, squares);
  }
  return sqrtf(reduce_add(squares));
}

// The integers of the first coordinates, and how far they are from these.
template <class Vec, int kLeast>
float round_coordinates(const BoundRowArgs& args, float scale) {
  const Vec inverse = Vec::broadcast(1.0F / scale);
  const Vec step = Vec::broadcast(scale);
  const Vec zero = Vec::broadcast(static_cast<float>(kLeast + 128));
  const Vec most = Vec::broadcast(127.0F);
  const Vec least = Vec::broadcast(-127.0F);
  Vec squares = Vec::zero();
  for (int64_t i = 0; i < args.kept; i += Vec::kWidth) {
    const int64_t left = args.kept - i;
    const Vec value = load_up_to<Vec>(args.z + i, left);
    const Vec whole = max(least, min(most, round(value * inverse)));
    const Vec error = value - whole * step;
    squares = fma(error, error, squares);
    if (left >= Vec::kWidth) {
      store_bytes(whole + zero, args.words + i);
    } else {
      int8_t rest[Vec::kWidth];
      store_bytes(whole + zero, rest);
      for (int64_t r = 0; r < left; ++r) {
        args.words[i + r] = rest[r];
      }
    }
  }
  return sqrtf(reduce_add(squares));
}

template <class Vec, int kLeast>
void bound_row(const BoundRowArgs& args) {
  *args.scale = NAN;
  constexpr int64_t kBlocks = kBoundNorms - 1;
  const int64_t others = args.dim - args.kept;
  float norms[kBoundNorms];
  Vec largest = Vec::zero();
  for (int64_t i = 0; i < args.kept; i += Vec::kWidth) {
    largest = max(abs(load_up_to<Vec>(args.z + i, args.kept - i)), largest);
  }
  float most = reduce_max(largest);
  const float first = norm_of<Vec>(args.z, args.kept);
  float squares = first * first;
  for (int64_t block = 0; block < kBlocks; ++block) {
    const int64_t begin = args.kept + others * block / kBlocks;
    const int64_t end = args.kept + others * (block + 1) / kBlocks;
    const float norm = norm_of<Vec>(args.z + begin, end - begin);
    // The range holds the norms, rounded up.
    const float own = norm * args.factors[1 + block] * 1.03F;
    most = own > most ? own : most;
    squares += norm * norm;
    norms[1 + block] = norm;
  }
  const float norm = sqrtf(squares);
  // Or it is NaN. Squares of what is small count as zero, and must not matter.
  if (!(norm < args.most_norm && norm > 1e-8F)) {
    return;
  }
  const float scale = most / 127.0F;
  // What is read differs from what was meant by this; the differences are
  // rounded, too, by less than this share of the numbers.
  norms[0] = round_coordinates<Vec, kLeast>(args, scale) + 0x1p-21F * first;

  // Sums of `dim` squares, and what follows, are rounded.
  const float up = 1 + 0x1p-22F * static_cast<float>(args.dim + 16);
  for (int64_t i = 0; i < kBoundNorms; ++i) {
    const float steps = ceilf(norms[i] * up * args.factors[i] / scale);
    if (!(steps <= 127.0F)) {
      return;
    }
    args.words[args.kept + i] =
        static_cast<int8_t>(static_cast<int32_t>(steps) + kLeast + 128);
  }
  *args.kept_norm = (first + norms[0]) * up;
  *args.norm = norm * up;
  *args.scale = scale;
}

template <class Dot>
void dots(const DotsArgs& args) {
  constexpr int64_t kBytes = sizeof(typename Dot::Sum);
  for (int64_t i = 0; i < args.count; ++i) {
    const int64_t row = args.rows[i], column = args.columns[i];
    const char* const x = args.x + row * args.bytes;
    const char* const weight = args.weight + column * args.bytes;
    typename Dot::Sum sum = Dot::zero();
    for (int64_t at = 0; at < args.bytes; at += kBytes) {
      sum = Dot::add_inputs(x + at, weight + at, sum);
    }
    // As Int8Product::value.
    const int32_t own =
        Dot::total(sum) - args.x_zero[row] * args.column_sum[column];
    args.y[i] =
        static_cast<float>(own) * (args.x_scale[row] * args.scale[column]) +
        args.bias[column];
  }
}

}  // namespace pyattn::kernels
