#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/generic/attention_product.h"
#include "kernels/generic/math.h"
#include "kernels/table.h"

// What happens to the scores of a tile of queries and a block of keys between
// the product that makes them and the softmax: what is added, and which pairs
// are hidden.
namespace pyattn::kernels {

// Scores [count, lanes]: keys from `key` on, queries from `query` on.
template <class Vec>
struct AttentionScores {
  float* scores;
  int64_t lanes, query, queries, key, count;

  float* of(int64_t j) const { return scores + j * lanes; }
};

template <class Vec>
void cap(float soft_cap, const AttentionScores<Vec>& block) {
  const Vec most = Vec::broadcast(soft_cap);
  const Vec part = Vec::broadcast(1.0F / soft_cap);
  for (int64_t i = 0; i < block.lanes * block.count; i += Vec::kWidth) {
    float* const at = block.scores + i;
    (tanh(Vec::load(at) * part) * most).store(at);
  }
}

template <class Vec>
void add_constant(float constant, const AttentionScores<Vec>& block) {
  const Vec added = Vec::broadcast(constant);
  for (int64_t i = 0; i < block.lanes * block.count; i += Vec::kWidth) {
    float* const at = block.scores + i;
    (Vec::load(at) + added).store(at);
  }
}

template <class Vec>
void add_bias(const AttentionArgs& args, const AttentionScores<Vec>& block) {
  constexpr int64_t kWidth = Vec::kWidth;
  for (int64_t i = 0; i < block.queries; i += kWidth) {
    for (int64_t j = 0; j < block.count; j += kWidth) {
      Vec turned[kWidth];
      load_turned(
          args.bias + (block.query + i) * args.bias_stride + block.key + j,
          args.bias_stride, block.queries - i, block.count - j, turned);
      for (int64_t row = 0; row < kWidth && j + row < block.count; ++row) {
        float* const at = block.of(j + row) + i;
        (Vec::load(at) + turned[row]).store(at);
      }
    }
  }
}

// What a segment adds by the distance of a key from a query's block. A vector
// of queries mostly lies in one block.
template <class Vec>
void add_distances(const KeySegment& segment,
                   const AttentionScores<Vec>& block) {
  constexpr int64_t kWidth = Vec::kWidth;
  const float* const distances = segment.distances + block.key;
  for (int64_t i = 0; i < block.lanes; i += kWidth) {
    int64_t own[kWidth];
    for (int64_t lane = 0; lane < kWidth; ++lane) {
      const int64_t query = segment.query + block.query + i + lane;
      const int64_t of = query / segment.block;
      own[lane] = of < segment.count ? of : segment.count - 1;
    }
    const bool one = own[0] == own[kWidth - 1];
    for (int64_t j = 0; j < block.count; ++j) {
      float* const at = block.of(j) + i;
      if (one) {
        (Vec::load(at) + Vec::broadcast(distances[j - own[0]])).store(at);
      } else {
        for (int64_t lane = 0; lane < kWidth; ++lane) {
          at[lane] += distances[j - own[lane]];
        }
      }
    }
  }
}

// Takes away what a query of the band must not see.
template <class Vec>
void hide(const AttentionArgs& args, const AttentionScores<Vec>& block) {
  if (args.mask != nullptr) {
    for (int64_t i = 0; i < block.queries; ++i) {
      const uint8_t* mask =
          args.mask + (block.query + i) * args.mask_stride + block.key;
      for (int64_t j = 0; j < block.count; ++j) {
        if (mask[j] == 0) {
          block.of(j)[i] = -INFINITY;
        }
      }
    }
  }
  // Most blocks are seen by all of a tile's queries.
  const bool whole = block.key + block.count - 1 <= block.query + args.last &&
                     block.key >= block.query + block.queries - 1 + args.first;
  for (int64_t j = 0; j < block.count && !whole; ++j) {
    // Key j is seen by the queries [from, to) of the tile.
    const int64_t from = block.key + j - args.last - block.query;
    const int64_t to = block.key + j - args.first - block.query + 1;
    for (int64_t i = 0; i < from && i < block.lanes; ++i) {
      block.of(j)[i] = -INFINITY;
    }
    for (int64_t i = to > 0 ? to : 0; i < block.lanes; ++i) {
      block.of(j)[i] = -INFINITY;
    }
  }
}

// Takes keys of a segment away from queries that saw them in the band.
template <class Vec>
void hide_seen(const AttentionArgs& args, const KeySegment& segment,
               const AttentionScores<Vec>& block) {
  for (int64_t j = 0; j < block.count; ++j) {
    const int64_t position = segment.positions[block.key + j] - block.query;
    const int64_t from = position - args.last;
    const int64_t to = position - args.first + 1;
    for (int64_t i = from > 0 ? from : 0; i < to && i < block.queries; ++i) {
      block.of(j)[i] = -INFINITY;
    }
  }
}

}  // namespace pyattn::kernels
