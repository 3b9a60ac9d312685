#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/generic/attention_product.h"
#include "kernels/generic/attention_scores.h"
#include "kernels/generic/math.h"
#include "kernels/generic/prepare.h"
#include "kernels/table.h"

// Attention with the running softmax of Milakov and Gimelshein (2018), as in
// FlashAttention (Dao et al. 2022): scores exist for one tile of queries and
// one block of keys at a time.
//
// Queries are the lanes of the scores: a tile's queries are turned once,
// [head_dim][lanes], and the softmax never sums across a vector. Elements of
// the head are the lanes of the output: a weight is broadcast against a row of
// V. So K and V are read in place with any stride, and nothing of them is
// turned, copied or summed across; only the lanes of the last tile's queries
// and of the last elements of an odd head idle. (With queries as the lanes of
// the output too, which had to be turned back, 32 tokens took 1.5 times as
// long.)
//
// bfloat16 is the same with two numbers in a word, where the level has a
// product of such words: queries are paired along the head when they are
// turned, and a block of K and V is paired once for all tiles of a group. How
// words are multiplied is for `Words` to say: attention_product.h has it on
// vectors, attention_tiles.h on a unit for tiles.
//
// Segments of further keys come after the band, in the same softmax: to a tile
// they are more blocks, whose scores are changed and hidden by other rules.
//
// For the single query of a decoding step there is attention_step.
namespace pyattn::kernels {

// A tile of up to kVecs * Vec::kWidth queries, from `query` on, that sees keys
// [begin, end).
template <class Words>
struct AttentionTile {
  using Vec = typename Words::Lanes;
  static constexpr int kMost = 2 * Vec::kWidth;

  int64_t query, queries, begin, end;
  float* q;      // [words of head_dim, lanes], zeros up to whole steps
  float* most;   // [lanes] the largest score so far
  float* total;  // [lanes] the sum of weights relative to it
  bool begun;    // whether there is an output of earlier keys

  int64_t lanes() const { return queries > Vec::kWidth ? kMost : Vec::kWidth; }
};

template <class Words>
struct AttentionGroup {
  using Vec = typename Words::Lanes;
  using Tile = AttentionTile<Words>;
  static constexpr int64_t kMost = Tile::kMost;
  static constexpr int64_t kWidth = Vec::kWidth;
  static constexpr int64_t kStepKeys = Words::kElements * Words::kSteps;
  static_assert(kKeyBlock % kStepKeys == 0, "blocks end where steps do");

  const AttentionArgs& args;
  const int64_t query, queries;
  // Per query of a tile: what the block's new maximum scales earlier sums by,
  // and one over the sum of all weights.
  float* const rescale = args.scratch;
  float* const inverse = rescale + kMost;
  float* const scores = inverse + kMost;  // [block, lanes]
  float* const states = scores + kKeyBlock * kMost;
  // Of the block of keys at hand, from `block` on: words of K, [block, words of
  // head_dim], and of V, [words of block, head_dim]. Words that are made are
  // zeros from there up to whole steps.
  int64_t block = 0;
  const float* k = nullptr;
  const float* v = nullptr;
  int64_t k_stride = 0, v_stride = 0;

  void run() {
    Tile tiles[kQueryTiles];
    int64_t count = 0;
    int64_t begin = args.time_k;
    int64_t end = 0;
    for (int64_t first = 0; first < queries; first += kMost) {
      Tile& tile = tiles[count];
      tile = start(query + first, queries - first, states + count * state());
      begin = tile.begin < begin ? tile.begin : begin;
      end = tile.end > end ? tile.end : end;
      ++count;
    }
    // All tiles take up a block of keys while it is near. Where blocks end
    // must not depend on how many queries a tile has, which levels differ in.
    for (int64_t key = begin; key < end; key += kKeyBlock - key % kKeyBlock) {
      const int64_t next = key - key % kKeyBlock + kKeyBlock;
      bring(args.k, args.k_stride, args.v, args.v_stride, key,
            (next < end ? next : end) - key);
      for (int64_t t = 0; t < count; ++t) {
        Tile& tile = tiles[t];
        const int64_t from = key > tile.begin ? key : tile.begin;
        const int64_t to = next < tile.end ? next : tile.end;
        if (from < to) {
          take_up(tile, from, to - from);
        }
      }
    }
    for (int64_t n = 0; n < args.segment_count; ++n) {
      const KeySegment& segment = args.segments[n];
      for (int64_t key = 0; key < segment.count; key += kKeyBlock) {
        const int64_t left = segment.count - key;
        const int64_t keys = left < kKeyBlock ? left : kKeyBlock;
        bring(segment.k, segment.k_stride, segment.v, segment.v_stride, key,
              keys);
        const bool last = n + 1 == args.segment_count && keys == left;
        for (int64_t t = 0; t < count; ++t) {
          take_up(tiles[t], segment, key, keys, last);
        }
      }
    }
  }

  static int64_t words(int64_t count) {
    return (count + Words::kElements - 1) / Words::kElements;
  }

  // The same in whole steps.
  static int64_t step_words(int64_t count) {
    return (words(count) + Words::kSteps - 1) / Words::kSteps * Words::kSteps;
  }

  // Floats of a tile's state.
  int64_t state() const { return (step_words(args.head_dim) + 2) * kMost; }

  Tile start(int64_t at, int64_t left, float* state) {
    Tile tile;
    tile.query = at;
    tile.queries = left < kMost ? left : kMost;
    tile.most = state;
    tile.total = state + kMost;
    tile.q = state + 2 * kMost;
    // From the first key of the first query to the last key of the last.
    const int64_t first = at + args.first;
    const int64_t last = at + tile.queries + args.last;
    // A tile may begin within a block, but not within a step.
    tile.begin = first > 0 ? first - first % kStepKeys : 0;
    tile.end = last < args.time_k ? last : args.time_k;
    tile.begun = false;
    if (tile.begin >= tile.end) {
      tile.end = 0;  // nothing, also where it would begin a bit earlier
      if (args.segment_count == 0) {
        for (int64_t i = 0; i < tile.queries; ++i) {
          for (int64_t d = 0; d < args.head_dim; ++d) {
            args.y[(at + i) * args.y_stride + d] = 0.0F;
          }
        }
        return tile;
      }
    }
    const Vec scale = Vec::broadcast(args.scale);
    for (int64_t i = 0; i < tile.lanes(); i += kWidth) {
      Vec::broadcast(-INFINITY).store(tile.most + i);
      Vec::zero().store(tile.total + i);
      for (int64_t d = 0; d < args.head_dim; d += kWidth) {
        Vec turned[kWidth];
        load_turned(args.q + (at + i) * args.q_stride + d, args.q_stride,
                    tile.queries - i, args.head_dim - d, turned);
        for (int64_t j = 0; j < kWidth && d + j < args.head_dim;
             j += Words::kElements) {
          float* const to =
              tile.q + (d + j) / Words::kElements * tile.lanes() + i;
          if constexpr (Words::kElements == 2) {
            Words::pair(turned[j] * scale, turned[j + 1] * scale).store(to);
          } else {
            (turned[j] * scale).store(to);
          }
        }
      }
      for (int64_t word = words(args.head_dim);
           word < step_words(args.head_dim); ++word) {
        Vec::zero().store(tile.q + word * tile.lanes() + i);
      }
    }
    return tile;
  }

  // Takes up a block of K and V, from `key` on; makes words where they are not
  // floats in place.
  void bring(const float* keys, int64_t keys_stride, const float* values,
             int64_t values_stride, int64_t key, int64_t count) {
    block = key;
    k = keys + key * keys_stride;
    v = values + key * values_stride;
    k_stride = keys_stride;
    v_stride = values_stride;
    if constexpr (Words::kElements == 2) {
      float* const k_words = states + kQueryTiles * state();
      k_stride = step_words(args.head_dim);
      for (int64_t j = 0; j < count; ++j) {
        row_to_bfloat16<Vec>(
            k + j * keys_stride, args.head_dim,
            reinterpret_cast<uint16_t*>(k_words + j * k_stride), 2 * k_stride);
      }
      float* const v_words = k_words + kKeyBlock * k_stride;
      v_stride = (args.head_dim + kWidth - 1) / kWidth * kWidth;
      for (int64_t j = 0; j < 2 * step_words(count); j += 2) {
        const float* row = v + j * values_stride;
        for (int64_t d = 0; d < args.head_dim; d += kWidth) {
          const int64_t elements = args.head_dim - d;
          const Vec even =
              j < count ? load_up_to<Vec>(row + d, elements) : Vec::zero();
          const Vec odd =
              j + 1 < count ? load_up_to<Vec>(row + values_stride + d, elements)
                            : Vec::zero();
          Words::pair(even, odd).store(v_words + j / 2 * v_stride + d);
        }
      }
      k = k_words;
      v = v_words;
    }
  }

  // A block of the band.
  void take_up(Tile& tile, int64_t key, int64_t count) {
    const AttentionScores<Vec> block = score(tile, key, count);
    if (args.bias != nullptr) {
      add_bias(args, block);
    }
    hide(args, block);
    weigh(tile, key, count, key + count == tile.end && args.segment_count == 0);
  }

  // A block of a segment; `last`: none comes after it.
  void take_up(Tile& tile, const KeySegment& segment, int64_t key,
               int64_t count, bool last) {
    const AttentionScores<Vec> block = score(tile, key, count);
    if (segment.constant != 0) {
      add_constant(segment.constant, block);
    }
    if (segment.distances != nullptr) {
      add_distances(segment, block);
    }
    if (segment.positions != nullptr) {
      hide_seen(args, segment, block);
    }
    weigh(tile, key, count, last);
  }

  AttentionScores<Vec> score(const Tile& tile, int64_t key, int64_t count) {
    Words::template multiply<false>({.left = k + (key - block) * k_stride,
                                     .right = tile.q,
                                     .out = scores,
                                     .before = nullptr,
                                     .after = nullptr,
                                     .rows = count,
                                     .columns = tile.lanes(),
                                     .length = words(args.head_dim),
                                     .left_stride = k_stride,
                                     .right_stride = tile.lanes(),
                                     .out_stride = tile.lanes()});
    const AttentionScores<Vec> of = {.scores = scores,
                                     .lanes = tile.lanes(),
                                     .query = tile.query,
                                     .queries = tile.queries,
                                     .key = key,
                                     .count = count};
    if (args.soft_cap > 0) {
      cap(args.soft_cap, of);
    }
    return of;
  }

  // Scores become weights, and values join the output by them.
  void weigh(Tile& tile, int64_t key, int64_t count, bool last) {
    if (tile.lanes() > kWidth) {
      soften<2>(tile, count);
    } else {
      soften<1>(tile, count);
    }
    Words::template multiply<true>({.left = scores,
                                    .right = v + words(key - block) * v_stride,
                                    .out = args.y + tile.query * args.y_stride,
                                    .before = tile.begun ? rescale : nullptr,
                                    .after = last ? inverse : nullptr,
                                    .rows = tile.queries,
                                    .columns = args.head_dim,
                                    .length = words(count),
                                    .left_stride = tile.lanes(),
                                    .right_stride = v_stride,
                                    .out_stride = args.y_stride});
    tile.begun = true;
  }

  // Scores become weights relative to the running maximum; what stands from
  // earlier blocks is brought to the new maximum by `rescale`.
  template <int kVecs>
  void soften(const Tile& tile, int64_t count) {
    constexpr int64_t kLanes = kVecs * kWidth;
    Vec peak[kVecs], base[kVecs], sum[kVecs];
#pragma GCC unroll 2
    for (int c = 0; c < kVecs; ++c) {
      peak[c] = Vec::load(tile.most + c * kWidth);
    }
    for (int64_t j = 0; j < count; ++j) {
#pragma GCC unroll 2
      for (int c = 0; c < kVecs; ++c) {
        peak[c] = max(Vec::load(scores + j * kLanes + c * kWidth), peak[c]);
      }
    }
#pragma GCC unroll 2
    for (int c = 0; c < kVecs; ++c) {
      // A query that has seen no key yet keeps weights of zero: exp(-inf - 0).
      base[c] =
          where_less(peak[c], Vec::broadcast(-FLT_MAX), Vec::zero(), peak[c]);
      const Vec shrink =
          exp_of_negative(Vec::load(tile.most + c * kWidth) - base[c]);
      shrink.store(rescale + c * kWidth);
      sum[c] = Vec::load(tile.total + c * kWidth) * shrink;
    }
    for (int64_t j = 0; j < count; ++j) {
#pragma GCC unroll 2
      for (int c = 0; c < kVecs; ++c) {
        float* at = scores + j * kLanes + c * kWidth;
        const Vec weight = exp_of_negative(Vec::load(at) - base[c]);
        weight.store(at);
        sum[c] = sum[c] + weight;
      }
    }
    if constexpr (Words::kElements == 2) {
      for (int64_t i = 0; i < kLanes; i += kWidth) {
        for (int64_t j = 0; j < count; j += 2) {
          const float* at = scores + j * kLanes + i;
          const Vec odd = j + 1 < count ? Vec::load(at + kLanes) : Vec::zero();
          Words::pair(Vec::load(at), odd).store(scores + j / 2 * kLanes + i);
        }
      }
    }
#pragma GCC unroll 2
    for (int c = 0; c < kVecs; ++c) {
      peak[c].store(tile.most + c * kWidth);
      sum[c].store(tile.total + c * kWidth);
      // Only a query that saw nothing has no weight at all: it gets zeros.
      where_less(sum[c], Vec::broadcast(FLT_MIN), Vec::zero(),
                 Vec::broadcast(1.0F) / sum[c])
          .store(inverse + c * kWidth);
    }
  }
};

// How a query's tile is cut depends on its own sentence alone, so its bits do
// not depend on the batch.
template <class Words>
void attention(const AttentionArgs& args) {
  constexpr int64_t kMost = kQueryTiles * AttentionTile<Words>::kMost;
  for (int64_t query = 0; query < args.time_q; query += kMost) {
    const int64_t left = args.time_q - query;
    AttentionGroup<Words>{args, query, left < kMost ? left : kMost}.run();
  }
}

}  // namespace pyattn::kernels
