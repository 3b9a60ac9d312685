#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/table.h"

// Attention over a tile of queries with the running softmax of Milakov and
// Gimelshein (2018), as in FlashAttention (Dao et al. 2022): scores exist for
// one block of keys at a time.
//
// The queries are the lanes. A tile's queries are turned once, [head_dim]
// [lanes]; then a key is broadcast against them an element at a time, and its
// value against the weights, both read in place with any stride. No row of K or
// V is turned or copied, no lane is ever summed across, and any head_dim >= 1
// fits without waste. The price is that a tile with few queries leaves lanes
// idle: for the single query of a decoding step there is attention_step.
namespace pyattn::kernels {

// A tile of kVecs * Vec::kWidth queries, from `query` on.
template <class Vec, int kVecs>
struct AttentionTile {
  static constexpr int kLanes = kVecs * Vec::kWidth;
  // Eight sums in flight fill two fused multiply-add units of latency four.
  static constexpr int kRows = 8 / kVecs;

  const AttentionArgs& args;
  const int64_t query;
  const int64_t queries;          // of this tile, at most kLanes
  float* const q = args.scratch;  // [head_dim, lanes]
  float* const sums = q + args.head_dim * kLanes;       // [head_dim, lanes]
  float* const scores = sums + args.head_dim * kLanes;  // [block, lanes]
  // Per query: the largest score so far, the sum of weights relative to it,
  // and what the last block's new maximum scales earlier sums by.
  Vec most[kVecs] = {}, total[kVecs] = {}, rescale[kVecs] = {};

  void run() {
    turn_queries();
    for (int c = 0; c < kVecs; ++c) {
      most[c] = Vec::broadcast(-INFINITY);
      total[c] = Vec::zero();
    }
    // Keys past what the tile's last query sees need no look.
    const int64_t seen = query + queries + args.last;
    const int64_t keys = seen < args.time_k ? seen : args.time_k;
    for (int64_t key = 0; key < keys; key += kKeyBlock) {
      const int64_t left = keys - key;
      const int64_t count = left < kKeyBlock ? left : kKeyBlock;
      score(key, count);
      hide(key, count);
      soften(count);
      weigh(key, count);
    }
    write();
  }

  void turn_queries() {
    for (int64_t d = 0; d < args.head_dim; ++d) {
      for (int64_t i = 0; i < kLanes; ++i) {
        q[d * kLanes + i] =
            i < queries ? args.q[(query + i) * args.q_stride + d] * args.scale
                        : 0.0F;
        sums[d * kLanes + i] = 0.0F;
      }
    }
  }

  // out[row][lanes] for kCount rows of a product: the sum over `length` of
  // left[row * row_stride + i * step] * right[i][lanes], upon what is there.
  template <int kCount>
  static void product(const float* left, int64_t row_stride, int64_t step,
                      const float* right, int64_t length, const Vec* factor,
                      float* out) {
    Vec acc[kCount][kVecs];
#pragma GCC unroll 8
    for (int r = 0; r < kCount; ++r) {
#pragma GCC unroll 2
      for (int c = 0; c < kVecs; ++c) {
        acc[r][c] =
            factor == nullptr
                ? Vec::zero()
                : Vec::load(out + r * kLanes + c * Vec::kWidth) * factor[c];
      }
    }
    for (int64_t i = 0; i < length; ++i) {
      Vec b[kVecs];
#pragma GCC unroll 2
      for (int c = 0; c < kVecs; ++c) {
        b[c] = Vec::load(right + i * kLanes + c * Vec::kWidth);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kCount; ++r) {
        const Vec a = Vec::broadcast(left[r * row_stride + i * step]);
#pragma GCC unroll 2
        for (int c = 0; c < kVecs; ++c) {
          acc[r][c] = fma(a, b[c], acc[r][c]);
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kCount; ++r) {
#pragma GCC unroll 2
      for (int c = 0; c < kVecs; ++c) {
        acc[r][c].store(out + r * kLanes + c * Vec::kWidth);
      }
    }
  }

  // All `rows` of a product, kRows at a time and then one by one.
  static void products(const float* left, int64_t row_stride, int64_t step,
                       const float* right, int64_t length, const Vec* factor,
                       float* out, int64_t rows) {
    int64_t r = 0;
    for (; r + kRows <= rows; r += kRows) {
      product<kRows>(left + r * row_stride, row_stride, step, right, length,
                     factor, out + r * kLanes);
    }
    for (; r < rows; ++r) {
      product<1>(left + r * row_stride, row_stride, step, right, length, factor,
                 out + r * kLanes);
    }
  }

  // scores[j] = k[j] . q
  void score(int64_t key, int64_t count) {
    products(args.k + key * args.k_stride, args.k_stride, 1, q, args.head_dim,
             nullptr, scores, count);
  }

  // Adds the bias and takes away what a query must not see.
  void hide(int64_t key, int64_t count) {
    if (args.bias != nullptr) {
      for (int64_t i = 0; i < queries; ++i) {
        const float* bias = args.bias + (query + i) * args.bias_stride + key;
        for (int64_t j = 0; j < count; ++j) {
          scores[j * kLanes + i] += bias[j];
        }
      }
    }
    if (args.mask != nullptr) {
      for (int64_t i = 0; i < queries; ++i) {
        const uint8_t* mask = args.mask + (query + i) * args.mask_stride + key;
        for (int64_t j = 0; j < count; ++j) {
          if (mask[j] == 0) {
            scores[j * kLanes + i] = -INFINITY;
          }
        }
      }
    }
    // Query i sees keys up to query + i + last.
    for (int64_t j = 0; j < count; ++j) {
      const int64_t blind = key + j - args.last - query;
      for (int64_t i = 0; i < blind && i < kLanes; ++i) {
        scores[j * kLanes + i] = -INFINITY;
      }
    }
  }

  // Scores become weights relative to the running maximum; what stands from
  // earlier blocks is brought to the new maximum by `rescale`.
  void soften(int64_t count) {
#pragma GCC unroll 2
    for (int c = 0; c < kVecs; ++c) {
      float* column = scores + c * Vec::kWidth;
      Vec peak = most[c];
      for (int64_t j = 0; j < count; ++j) {
        peak = max(Vec::load(column + j * kLanes), peak);
      }
      // A query that has seen no key yet keeps weights of zero: exp(-inf - 0).
      const Vec base =
          where_less(peak, Vec::broadcast(-FLT_MAX), Vec::zero(), peak);
      rescale[c] = exp(most[c] - base);
      Vec sum = total[c] * rescale[c];
      for (int64_t j = 0; j < count; ++j) {
        const Vec weight = exp(Vec::load(column + j * kLanes) - base);
        weight.store(column + j * kLanes);
        sum = sum + weight;
      }
      most[c] = peak;
      total[c] = sum;
    }
  }

  // sums[d] = sums[d] * rescale + sum over keys of v[j][d] * weights[j]
  void weigh(int64_t key, int64_t count) {
    products(args.v + key * args.v_stride, 1, args.v_stride, scores, count,
             rescale, sums, args.head_dim);
  }

  void write() {
    Vec inverse[kVecs];
    for (int c = 0; c < kVecs; ++c) {
      // Only a query that saw nothing has no weight at all: it gets zeros.
      inverse[c] = where_less(total[c], Vec::broadcast(FLT_MIN), Vec::zero(),
                              Vec::broadcast(1.0F) / total[c]);
    }
    for (int64_t d = 0; d < args.head_dim; ++d) {
      for (int c = 0; c < kVecs; ++c) {
        float* at = sums + d * kLanes + c * Vec::kWidth;
        (Vec::load(at) * inverse[c]).store(at);
      }
      for (int64_t i = 0; i < queries; ++i) {
        args.y[(query + i) * args.y_stride + d] = sums[d * kLanes + i];
      }
    }
  }
};

// How a query's tile is cut depends on its own sentence alone, so its bits do
// not depend on the batch.
template <class Vec>
void attention(const AttentionArgs& args) {
  int64_t query = 0;
  while (args.time_q - query > Vec::kWidth) {
    const int64_t left = args.time_q - query;
    const int64_t most = 2 * Vec::kWidth;
    const int64_t queries = left < most ? left : most;
    AttentionTile<Vec, 2>{args, query, queries}.run();
    query += queries;
  }
  if (query < args.time_q) {
    AttentionTile<Vec, 1>{args, query, args.time_q - query}.run();
  }
}

}  // namespace pyattn::kernels
