#pragma once

#include <cstdint>

#include "kernels/generic/linear.h"
#include "kernels/table.h"

// The packed matrix product on a unit that multiplies tiles (Intel AMX): a tile
// is 16 rows of 64 bytes. Weights are the panels of linear.h as they are, two
// tiles wide: a tile's row is 16 columns of one step, so that 16 steps of a
// panel are two tiles that interleave by lines. Rows of the input are read up
// to the next 16, words to the next 16 steps; both are filled up by whoever
// prepares them.
//
// A block of up to 32 rows times a panel stays in four tiles over the whole sum
// and goes through 4 KiB in L1 to the epilogue, which works on vectors. That of
// a block is woven into the products of the next, a few rows after each step:
// the two units run at the same time.
namespace pyattn::kernels {

inline constexpr int64_t kTileSide = 16;  // rows of a tile, words of a row
inline constexpr int64_t kTileBlock = 2 * kTileSide;  // rows and columns
inline constexpr int64_t kTileStep = kTileSide * kTileBlock * 4;  // of weights

// Weights that do not fit L2 are asked for a panel ahead. Where they do, the
// requests only take the loads' places.
inline constexpr int64_t kBytesInL2 = 1024 * 1024;

// The sums of one block, on their way through the epilogue.
template <class Product>
struct TileSums {
  alignas(64) typename Product::Sum sums[kTileBlock][2];
  int64_t row = 0, column = 0;
  int64_t rows = 0;  // that there are
  int64_t next = 0;  // that is not stored yet

  // Stores `count` more rows, as long as there are some.
  void store(const LinearArgs& args, int64_t count) {
    const int64_t left = rows - next;
    const int64_t now = count < left ? count : left;
    store_rows<Product, 2>(args, row + next, column, now, sums[next]);
    next += now;
  }
};

// The sums of kTiles * 16 rows, from x on, with a panel, into `sums`; after
// each step `done` gets a few rows stored.
template <class Product, int kTiles, bool kAhead>
void multiply_tiles(const LinearArgs& args, const char* x, const char* weight,
                    const char* ahead, char* sums, TileSums<Product>& done) {
  using Tiles = typename Product::Tiles;
  const int64_t stride = args.x_stride * 4;
  const int64_t steps = args.steps / kTileSide;
  const int64_t store = (done.rows + steps - 1) / steps;
  Tiles::template zero<0>();
  Tiles::template zero<1>();
  if constexpr (kTiles == 2) {
    Tiles::template zero<2>();
    Tiles::template zero<3>();
  }
  for (int64_t i = 0; i < steps; ++i) {
    if constexpr (kAhead) {
#pragma GCC unroll 32
      for (int64_t line = 0; line < kTileStep; line += kLine) {
        __builtin_prefetch(ahead + i * kTileStep + line, 0, 2);
      }
    }
    Tiles::template load<6>(weight, kTileBlock * 4);
    Tiles::template load<4>(x, stride);
    Product::template dot<0, 4, 6>();
    Tiles::template load<7>(weight + 64, kTileBlock * 4);
    Product::template dot<1, 4, 7>();
    if constexpr (kTiles == 2) {
      Tiles::template load<5>(x + kTileSide * stride, stride);
      Product::template dot<2, 5, 6>();
      Product::template dot<3, 5, 7>();
    }
    weight += kTileStep;
    x += kTileSide * 4;
    done.store(args, store);
  }
  Tiles::template store<0>(sums, kTileBlock * 4);
  Tiles::template store<1>(sums + 64, kTileBlock * 4);
  if constexpr (kTiles == 2) {
    Tiles::template store<2>(sums + kTileSide * kTileBlock * 4, kTileBlock * 4);
    Tiles::template store<3>(sums + kTileSide * kTileBlock * 4 + 64,
                             kTileBlock * 4);
  }
}

template <class Product, int kTiles>
void multiply_block(const LinearArgs& args, const char* weight,
                    const char* ahead, TileSums<Product>& to,
                    TileSums<Product>& done) {
  const char* x = static_cast<const char*>(args.x) + to.row * args.x_stride * 4;
  char* sums = reinterpret_cast<char*>(to.sums);
  if (ahead == nullptr) {
    multiply_tiles<Product, kTiles, false>(args, x, weight, ahead, sums, done);
  } else {
    multiply_tiles<Product, kTiles, true>(args, x, weight, ahead, sums, done);
  }
}

template <class Product>
void linear_tiles(const LinearArgs& args) {
  using Tiles = typename Product::Tiles;
  static_assert(
      kPanelColumns<Product> == kTileBlock && Product::Lanes::kPanelVecs == 2,
      "a panel is two tiles wide");
  const int64_t columns = columns_of<Product>(args);
  const int64_t panel_bytes = args.steps * kTileBlock * 4;
  const bool prefetch = columns / kTileBlock * panel_bytes > kBytesInL2;
  const int64_t most = kBlockBytes / (args.steps * 4) / kTileBlock * kTileBlock;
  const int64_t block = most < 2 * kTileBlock ? 2 * kTileBlock : most;
  // Set for each call: other libraries in the process may use tiles as well.
  Tiles::configure();
  TileSums<Product> blocks[2];
  int at = 0;
  for (int64_t begin = 0; begin < args.rows; begin += block) {
    const int64_t end = begin + block < args.rows ? begin + block : args.rows;
    for (int64_t column = 0; column < columns; column += kTileBlock) {
      const char* weight = static_cast<const char*>(args.weight) +
                           column / kTileBlock * panel_bytes;
      const bool last = column + kTileBlock >= columns;
      for (int64_t row = begin; row < end; row += kTileBlock) {
        TileSums<Product>& to = blocks[at];
        TileSums<Product>& done = blocks[at ^= 1];
        to.row = row;
        to.column = column;
        const char* ahead =
            prefetch && row == begin && !last ? weight + panel_bytes : nullptr;
        if (end - row > kTileSide) {
          multiply_block<Product, 2>(args, weight, ahead, to, done);
        } else {
          multiply_block<Product, 1>(args, weight, ahead, to, done);
        }
        to.rows = end - row < kTileBlock ? end - row : kTileBlock;
        to.next = 0;
      }
    }
  }
  Tiles::release();
  blocks[at ^ 1].store(args, kTileBlock);
}

// Up to two rows are as quick on vectors: a tile takes its time however many
// rows it has. Only for sums that are the same in any order.
template <class Tiled, class Vectors>
void linear_tiles_or_vectors(const LinearArgs& args) {
  if (args.rows <= 2) {
    linear<Vectors>(args);
  } else {
    linear_tiles<Tiled>(args);
  }
}

}  // namespace pyattn::kernels
