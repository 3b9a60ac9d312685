#pragma once

#include <cstdint>

#include "kernels/generic/attention.h"
#include "kernels/generic/attention_product.h"
#include "kernels/generic/linear_tiles.h"
#include "kernels/table.h"

// The products of attention on a unit that multiplies tiles (Intel AMX): left
// tiles are 16 rows of 16 words, right tiles 16 words of 16 columns, and words
// are pairs of bfloat16. What attention.h keeps is laid out like that, but for
// one thing. Rows of K are left tiles; the queries, which are turned once, are
// right tiles, and so is a block of V. Only the weights, whose queries are
// lanes and which are left tiles of the second product, have to be turned, 16
// words of 16 queries at a time. (V as the left would be turned once per block
// for all tiles of queries, but then the outputs have to be turned back: with
// heads of 64 that is more to turn up to about 200 tokens.)
//
// Words are filled up to whole tiles with zeros by whoever writes them, rows
// and columns have room up to the next 16: no tile is partial, and the
// configuration never changes. Rows past the last key hold whatever is there,
// and give scores of their own that nobody reads.
//
// What 96 keys cost 32 queries with heads of 64: 48 products of tiles, 48 loads
// and 20 stores, which such a CPU was once seen to do in 16, 9 and 17 cycles
// each: 768, 432 and 340, of which the loads can hide behind the products. On
// vectors these products are 24,576 multiply-adds, 12,288 cycles. What stays
// there is the softmax of 192 vectors, of about 20 instructions each, and
// turning the weights, 384 shuffles: about 2,500 cycles at two instructions a
// cycle. On Zen 4, everything but the tiles' instructions takes a third of the
// time of float32 with 32 tokens, a sixth with 1,024. The kernel as a whole was
// not measured: no machine that runs it was at hand. By these figures the tiles
// are a third of the time at most, which is what weaving them into the softmax,
// as linear_tiles.h does with its epilogue, could still gain.
namespace pyattn::kernels {

// kRows x kColumns tiles of the product.
template <class Tiles, int kRows, int kColumns>
void attention_tile_block(const AttentionProduct& p) {
  const int64_t left_stride = p.left_stride * 4;
  const int64_t right_stride = p.right_stride * 4;
  const int64_t out_stride = p.out_stride * 4;
  const char* left = reinterpret_cast<const char*>(p.left);
  const char* right = reinterpret_cast<const char*>(p.right);
  char* const out = reinterpret_cast<char*>(p.out);
  char* const lower = out + kTileSide * out_stride;
  Tiles::template zero<0>();
  Tiles::template zero<1>();
  Tiles::template zero<2>();
  Tiles::template zero<3>();
  for (int64_t i = 0; i < p.length; i += kTileSide) {
    Tiles::template load<6>(right, right_stride);
    Tiles::template load<4>(left, left_stride);
    Tiles::template dot_bfloat16<0, 4, 6>();
    if constexpr (kColumns == 2) {
      Tiles::template load<7>(right + 64, right_stride);
      Tiles::template dot_bfloat16<1, 4, 7>();
    }
    if constexpr (kRows == 2) {
      Tiles::template load<5>(left + kTileSide * left_stride, left_stride);
      Tiles::template dot_bfloat16<2, 5, 6>();
    }
    if constexpr (kRows == 2 && kColumns == 2) {
      Tiles::template dot_bfloat16<3, 5, 7>();
    }
    left += 64;
    right += kTileSide * right_stride;
  }
  Tiles::template store<0>(out, out_stride);
  if constexpr (kColumns == 2) {
    Tiles::template store<1>(out + 64, out_stride);
  }
  if constexpr (kRows == 2) {
    Tiles::template store<2>(lower, out_stride);
  }
  if constexpr (kRows == 2 && kColumns == 2) {
    Tiles::template store<3>(lower + 64, out_stride);
  }
}

// The product for the first block of its rows and columns.
template <class Tiles>
void attention_tiles(const AttentionProduct& p) {
  if (p.rows > kTileSide) {
    return p.columns > kTileSide ? attention_tile_block<Tiles, 2, 2>(p)
                                 : attention_tile_block<Tiles, 2, 1>(p);
  }
  return p.columns > kTileSide ? attention_tile_block<Tiles, 1, 2>(p)
                               : attention_tile_block<Tiles, 1, 1>(p);
}

// Scores: rows are keys, columns a tile's queries.
template <class Tiles>
void attention_tiles_scores(AttentionProduct p) {
  for (; p.rows > 0; p.rows -= kTileBlock) {
    attention_tiles<Tiles>(p);
    p.left += kTileBlock * p.left_stride;
    p.out += kTileBlock * p.out_stride;
  }
}

// Outputs: rows are a tile's queries, whose words lie side by side, columns are
// elements of the head, as many as there are.
template <class Vec, class Tiles>
void attention_tiles_outputs(const AttentionProduct& p) {
  alignas(64) float weights[kTileBlock][kKeyBlock / 2];
  alignas(64) float sums[kTileBlock][kTileBlock];
  for (int64_t i = 0; i < p.length; i += kTileSide) {
    for (int64_t row = 0; row < p.rows; row += kTileSide) {
      Vec turned[Vec::kWidth];
      load_turned(p.left + i * p.left_stride + row, p.left_stride, p.length - i,
                  kTileSide, turned);
      for (int64_t j = 0; j < kTileSide; ++j) {
        turned[j].store(weights[row + j] + i);
      }
    }
  }
  AttentionProduct block = p;
  block.left = weights[0];
  block.left_stride = kKeyBlock / 2;
  block.out = sums[0];
  block.out_stride = kTileBlock;
  for (int64_t column = 0; column < p.columns; column += kTileBlock) {
    block.right = p.right + column;
    block.columns = p.columns - column;
    attention_tiles<Tiles>(block);
    for (int64_t row = 0; row < p.rows; ++row) {
      for (int64_t c = 0; c < kTileBlock && c < block.columns; c += kTileSide) {
        float* const out = p.out + row * p.out_stride + column + c;
        const int64_t count = block.columns - c;
        Vec sum = Vec::load(sums[row] + c);
        if (p.before != nullptr) {
          sum = fma(load_up_to<Vec>(out, count), Vec::broadcast(p.before[row]),
                    sum);
        }
        if (p.after != nullptr) {
          sum = sum * Vec::broadcast(p.after[row]);
        }
        store_up_to(sum, out, count);
      }
    }
  }
}

template <class Vec, class Dot, class TileUnit>
struct TiledBFloat16Words : BFloat16Words<Vec, Dot> {
  static_assert(Vec::kWidth == kTileSide, "a vector is a row of a tile");
  using Tiles = TileUnit;
  static constexpr int kSteps = kTileSide;

  template <bool kTurned>
  static void multiply(const AttentionProduct& p) {
    if constexpr (kTurned) {
      attention_tiles_outputs<Vec, Tiles>(p);
    } else {
      attention_tiles_scores<Tiles>(p);
    }
  }
};

// Set for each call: other libraries in the process may use tiles as well.
template <class Words>
void attention_on_tiles(const AttentionArgs& args) {
  Words::Tiles::configure();
  attention<Words>(args);
  Words::Tiles::release();
}

}  // namespace pyattn::kernels
