#pragma once

#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/generic/product.h"
#include "kernels/table.h"

// The packed matrix product. Weights lie in panels of a few vectors' columns,
// [in][panel] each, so that a tile of rows times a panel reads them as one
// stream; x is read in place, an element broadcast at a time. A tile's sums
// stay in registers over the whole of `in`: no partial sum goes through memory,
// and every element of y is one chain of additions whatever the tile's height.
//
// A few rows do little but read, and the hardware's prefetchers keep up with
// them best when left alone: a row of 512 x 2048 in L3 takes three quarters of
// the time (Zen 4), and no longer from memory; reading several panels at once
// gains nothing. More rows leave them late. A tile of those asks for its own
// panel eight KiB ahead, into L2; where a panel is read by several tiles, the
// first ones also ask for the next panel, one line a step. On a 2.5 GHz AVX-512
// core, weights in memory, 33 rows of 512 x 2048: 37 GFLOPS without, 42 with
// the near, 53 with both; 75, 90 and 106 with 256 x 1024 in L3. To ask two KiB
// ahead, and into L1, is too late and waits for too few lines at once: on Zen
// 4, int8 weights of 1024 x 4096 in memory, 6, 8, 10 and 12 rows read 20, 18,
// 16 and 15 GB/s, and 25, 26, 21 and 17 as it is; up to 5 rows and from 16 on,
// and from caches, both are the same.
namespace pyattn::kernels {

inline constexpr int64_t kLine = 64;             // bytes of a cache line
inline constexpr int64_t kPrefetchAhead = 8192;  // bytes
inline constexpr int kFewRows = 4;

// The part of x that a block of rows reads is kept below a share of L2, since
// it is read again for every panel.
inline constexpr int64_t kBlockBytes = 256 * 1024;

template <class Product>
inline constexpr int64_t kPanelColumns =
    Product::Lanes::kPanelVecs * Product::Lanes::kWidth;

// Bytes of weights that a step reads.
template <class Product>
inline constexpr int64_t kStepBytes =
    kPanelColumns<Product> * Product::kWeightBytes;

// How far the columns of the weights go.
template <class Product>
int64_t columns_of(const LinearArgs& args) {
  return args.gated ? 2 * args.out : args.out;
}

// The last of the epilogue: outputs of a row from `at` on.
template <class Vec>
[[gnu::always_inline]] inline void store_outputs(const LinearArgs& args,
                                                 int64_t row, int64_t at,
                                                 Vec y) {
  const int64_t left = args.out - at;
  if (left <= 0) {
    return;
  }
  if (args.residual != nullptr) {
    y = y +
        load_up_to<Vec>(args.residual + row * args.residual_stride + at, left);
  }
  const int64_t to = row * args.y_stride + at;
  if (args.y_bfloat16 == nullptr) {
    store_up_to(y, args.y + to, left);
  } else if (left >= Vec::kWidth) {
    store_bfloat16(y, args.y_bfloat16 + to);
  } else {
    uint16_t rest[Vec::kWidth];
    store_bfloat16(y, rest);
    for (int64_t i = 0; i < left; ++i) {
      args.y_bfloat16[to + i] = rest[i];
    }
  }
}

// What belongs to a vector of columns, loaded once for all rows.
template <class Product>
struct TileColumns {
  using Vec = typename Product::Lanes;
  typename Product::Columns own;
  Vec bias;

  TileColumns(const LinearArgs& args, int64_t at)
      : own(Product::columns(args, at)), bias(Vec::load(args.bias + at)) {}

  Vec value(typename Product::Sum sum, const LinearArgs& args,
            int64_t row) const {
    return Product::value(sum, own, args, row) + bias;
  }
};

// Rows of sums to floats in whole vectors without a gate, which most are: no
// question is asked for each vector. The arguments are a copy, since what is
// stored might change those that were given, as far as the compiler knows.
// Asked for each vector, and with a call for its activation, this took 9 % of
// OPUS-MT's time in batches of 32 (int8, Zen 4); it takes 5.
template <Activation kActivation, class Product, int kVecs>
[[gnu::always_inline]] inline void store_floats(
    const LinearArgs args, int64_t row, int64_t column, int64_t count,
    const typename Product::Sum* sums) {
  using Vec = typename Product::Lanes;
  for (int c = 0; c < kVecs; c += 2) {
    const int64_t at = column + c * Vec::kWidth;
    const TileColumns<Product> first(args, at), second(args, at + Vec::kWidth);
    const auto* own = sums + c;
    for (int64_t r = row; r < row + count; ++r, own += kVecs) {
      Vec left = activate_as<kActivation>(first.value(own[0], args, r));
      Vec right = activate_as<kActivation>(second.value(own[1], args, r));
      if (args.residual != nullptr) {
        const float* x = args.residual + r * args.residual_stride + at;
        left = left + Vec::load(x);
        right = right + Vec::load(x + Vec::kWidth);
      }
      float* const y = args.y + r * args.y_stride + at;
      left.store(y);
      right.store(y + Vec::kWidth);
    }
  }
}

// Bias, activation, gate and residual of `count` rows of sums, [count][kVecs],
// and the result into y. It is a call of its own, once per tile: compiled into
// the product's loop it took the registers that hold the sums, and a third of
// the speed.
template <class Product, int kVecs>
[[gnu::noinline]] void store_rows(const LinearArgs& args, int64_t row,
                                  int64_t column, int64_t count,
                                  const typename Product::Sum* sums) {
  using Vec = typename Product::Lanes;
  static_assert(kVecs % 2 == 0, "a gate and what it gates are neighbours");
  if (!args.gated && args.y_bfloat16 == nullptr &&
      column + kVecs * Vec::kWidth <= args.out) {
    switch (args.activation) {
      case Activation::kNone:
        return store_floats<Activation::kNone, Product, kVecs>(
            args, row, column, count, sums);
      case Activation::kRelu:
        return store_floats<Activation::kRelu, Product, kVecs>(
            args, row, column, count, sums);
      case Activation::kSilu:
        return store_floats<Activation::kSilu, Product, kVecs>(
            args, row, column, count, sums);
      default:
        break;
    }
  }
  for (int c = 0; c < kVecs; c += 2) {
    const int64_t at = column + c * Vec::kWidth;
    const TileColumns<Product> first(args, at), second(args, at + Vec::kWidth);
    for (int64_t r = row; r < row + count; ++r) {
      const auto* own = sums + (r - row) * kVecs + c;
      const Vec left = activate(args.activation, first.value(own[0], args, r));
      const Vec right = second.value(own[1], args, r);
      if (args.gated) {
        store_outputs(args, r, at / 2, left * right);
      } else {
        store_outputs(args, r, at, left);
        store_outputs(args, r, at + Vec::kWidth,
                      activate(args.activation, right));
      }
    }
  }
}

// The most rows of a tile, whose sums and weights have to fit the registers.
template <class Product>
constexpr int tile_rows() {
  if constexpr (requires { Product::kTileRows; }) {
    return Product::kTileRows;
  } else {
    return Product::Lanes::kTileRows;
  }
}

// Bytes of the next panel that a step asks for. Tiles of few rows are over
// before as many requests are answered as others make: two of them share the
// panel, and ask for each line twice.
template <class Product>
inline constexpr int64_t kAskedBytes =
    tile_rows<Product>() > kFewRows ? kLine : kLine / 2;

template <class Product, int kRows, bool kAhead>
void linear_tile(const LinearArgs& args, int64_t row, int64_t column,
                 const char* ahead) {
  using Vec = typename Product::Lanes;
  constexpr int kVecs = Vec::kPanelVecs;
  constexpr int64_t kVecBytes = Vec::kWidth * Product::kWeightBytes;
  const int64_t stride = args.x_stride * 4;
  const char* x = static_cast<const char*>(args.x) + row * stride;
  const char* weight = static_cast<const char*>(args.weight) +
                       column * args.steps * Product::kWeightBytes;
  typename Product::Sum sums[kRows][kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const typename Product::Sum start =
        Product::start(x + r * stride, args.steps);
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      sums[r][c] = start;
    }
  }
  for (int64_t i = 0; i < args.steps; ++i) {
    typename Product::Weights w[kVecs];
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      w[c] = Product::weights(weight + c * kVecBytes);
      if (kRows > kFewRows && c * kVecBytes % kLine == 0) {
        __builtin_prefetch(weight + c * kVecBytes + kPrefetchAhead, 0, 2);
      }
    }
    if constexpr (kAhead) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += kAskedBytes<Product>;
    }
    weight += kVecs * kVecBytes;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const typename Product::Word a = Product::word(x + r * stride + i * 4);
#pragma GCC unroll 4
      for (int c = 0; c < kVecs; ++c) {
        sums[r][c] = Product::add(a, w[c], sums[r][c]);
      }
    }
  }
  // A copy: an array whose address is taken would live in memory throughout.
  typename Product::Sum stored[kRows * kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVecs; ++c) {
      stored[r * kVecs + c] = sums[r][c];
    }
    if constexpr (requires { &Product::add_rest; }) {
      weight = static_cast<const char*>(args.weight) +
               column * args.steps * Product::kWeightBytes;
      Product::add_rest(args, row + r, weight, stored + r * kVecs);
    }
  }
  if constexpr (requires { &Product::template store<kVecs, kRows>; }) {
    Product::template store<kVecs, kRows>(args, row, column, stored);
  } else {
    store_rows<Product, kVecs>(args, row, column, kRows, stored);
  }
}

// A tile of `rows` rows, which are kRows or fewer.
template <class Product, int kRows>
void linear_rows(const LinearArgs& args, int64_t rows, int64_t row,
                 int64_t column, const char* ahead) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return linear_rows<Product, kRows - 1>(args, rows, row, column, ahead);
    }
  }
  if constexpr (requires { Product::template tile<kRows>; }) {
    // Instructions that take several rows at once have a tile of their own.
    Product::template tile<kRows>(args, row, column, ahead);
  } else if (ahead == nullptr) {
    linear_tile<Product, kRows, false>(args, row, column, ahead);
  } else {
    linear_tile<Product, kRows, true>(args, row, column, ahead);
  }
}

template <class Product>
void linear(const LinearArgs& args) {
  constexpr int64_t kPanel = kPanelColumns<Product>;
  constexpr int64_t kTile = tile_rows<Product>();
  const int64_t columns = columns_of<Product>(args);
  const int64_t panel_bytes = args.steps * kStepBytes<Product>;
  const int64_t most = kBlockBytes / (args.steps > 0 ? args.steps * 4 : 1);
  const int64_t block = most < 2 * kTile ? 2 * kTile : most / kTile * kTile;
  for (int64_t begin = 0; begin < args.rows; begin += block) {
    const int64_t left = args.rows - begin;
    const int64_t rows = left < block ? left : block;
    // Tiles of nearly equal height: 32 rows are 11 + 11 + 10, not 12 + 12 + 8.
    const int64_t tiles = (rows + kTile - 1) / kTile;
    for (int64_t column = 0; column < columns; column += kPanel) {
      const char* next = static_cast<const char*>(args.weight) +
                         (column / kPanel + 1) * panel_bytes;
      if (args.next != nullptr && column + kPanel >= columns) {
        next = static_cast<const char*>(args.next);
      }
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t first = rows * t / tiles;
        const int64_t end = rows * (t + 1) / tiles;
        const int64_t asked = t * kAskedBytes<Product>;
        const bool asks = tiles > 1 && asked < kStepBytes<Product>;
        linear_rows<Product, tile_rows<Product>()>(
            args, end - first, begin + first, column,
            asks ? next + args.steps * asked : nullptr);
      }
    }
  }
}

}  // namespace pyattn::kernels
