#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/generic/attention_step_tile.h"
#include "kernels/generic/math.h"
#include "kernels/generic/sums.h"
#include "kernels/table.h"

// Attention of a decoding step: a query for each row and head, keys and values
// found by pointer. The lanes are elements of the head: a score is a product of
// vectors summed across, four tokens at a time; an output is a sum of values in
// place. Tokens are the outer loop and heads the inner one, so that a token's
// keys are read as one piece, and so are its values: head by head, with queries
// and outputs in registers, the reads jump and take 1.4 times as long from L2.
// What is read of a head serves all queries that share it: the heads of a
// group, and, where tokens are shared, those of all rows.
//
// The step is bound by reading. From caches it is as fast as the hardware's own
// prefetchers let it; an instruction more for each line costs up to a fifth.
// Tokens in memory are asked for far ahead, values behind the last key, and
// into L2: L1 waits for too few lines at once to keep a core's share of memory
// busy (12 against 25 GB/s on Zen 4, where reading on and on gives 30).
namespace pyattn::kernels {

inline constexpr int64_t kStepAhead = 16384;  // bytes to ask for in advance

template <class Cache>
struct AttentionStep {
  using Vec = typename Cache::Lanes;
  using Element = typename Cache::Element;
  static constexpr int kWidth = Vec::kWidth;
  static constexpr int kParts = Cache::kParts;
  static constexpr int kElements = Cache::kElements;
  static constexpr int kUnit = Cache::kUnit;

  const AttentionStepArgs& args;
  // attention_step_stride(time), which has a symbol of its own
  const int64_t stride = (args.time + kSumLanes - 1) / kSumLanes * kSumLanes;
  // The queries that share a key head: of a row, and of all rows.
  const int64_t group = args.heads / args.kv_heads;
  const int64_t queries = args.rows * group;
  // Of a head, in whole units. The elements of `kParts` vectors stand in the
  // order of their parts.
  const int64_t padded = (args.head_dim + kUnit - 1) / kUnit * kUnit;
  // Of [kv_heads, queries]:
  float* const weights = args.scratch;                         // [stride]
  float* const q = weights + args.heads * args.rows * stride;  // [padded]
  float* const y = q + args.heads * args.rows * padded;        // [padded]

  const StepHead shape = {args.head_dim, padded, stride};

  // Tokens between the one that is read and the one that is asked for.
  const int64_t bytes = args.kv_heads * args.head_dim * sizeof(Element);
  const int64_t ahead =
      (kStepAhead / bytes + kStepTokens) / kStepTokens * kStepTokens;

  // Queries of a tile: their sums for four tokens are in registers.
  static constexpr int kTile = Vec::kTileRows * Vec::kPanelVecs > 16 ? 4 : 2;

  static constexpr int kSoftened = 4;  // rows of scores, at once
  static constexpr float kLanes[] = {0, 1, 2,  3,  4,  5,  6,  7,
                                     8, 9, 10, 11, 12, 13, 14, 15};
  static_assert(kWidth <= 16);

  // Where a head's element d stands.
  static constexpr int64_t place(int64_t d) {
    return d / kElements * kElements + d % kParts * kWidth +
           d % kElements / kParts;
  }

  const Element* key(int64_t row, int64_t t) const {
    return static_cast<const Element*>(args.keys[row][t]) + args.k_offset;
  }
  const Element* value(int64_t row, int64_t t) const {
    return static_cast<const Element*>(args.values[row][t]) + args.v_offset;
  }

  // Calls `run(row, head, n)` for all queries: n is where they stand.
  template <class Run>
  void for_all(const Run& run) const {
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t head = 0; head < args.heads; ++head) {
        run(row, head, (head / group * args.rows + row) * group + head % group);
      }
    }
  }

  // Calls `run<tile>(n)` for tiles of the queries [n, end).
  template <class Run>
  static void for_tiles(int64_t n, int64_t end, const Run& run) {
    for (; n + kTile <= end; n += kTile) {
      run.template operator()<kTile>(n);
    }
    if (kTile > 2 && n + 2 <= end) {
      run.template operator()<2>(n);
      n += 2;
    }
    if (n < end) {
      run.template operator()<1>(n);
    }
  }

  // Calls `run(row, rows)` for the rows that read tokens [t, t + count)
  // together.
  template <class Run>
  void for_rows(int64_t t, int64_t count, const Run& run) const {
    const int64_t together =
        t + count <= args.shared || args.shared == args.time ? args.rows : 1;
    for (int64_t row = 0; row < args.rows; row += together) {
      run(row, together);
    }
  }

  // A query in the order of parts, and zeros behind an odd head's end.
  void take_query(const float* from, float* to) const {
    int64_t d = 0;
    for (; d + kElements <= args.head_dim; d += kElements) {
      const float* const __restrict unit = from + d;
      float* const __restrict parts = to + d;
#pragma GCC unroll 1
      for (int i = 0; i < kWidth; ++i) {
        for (int part = 0; part < kParts; ++part) {
          parts[part * kWidth + i] = unit[i * kParts + part];
        }
      }
    }
    if (d < padded) {
      std::memset(to + d, 0, static_cast<size_t>(padded - d) * sizeof(float));
      for (; d < args.head_dim; ++d) {
        to[place(d)] = from[d];
      }
    }
  }

  void give_output(const float* from, float* to) const {
    int64_t d = 0;
    for (; d + kElements <= args.head_dim; d += kElements) {
      const float* const __restrict parts = from + d;
      float* const __restrict unit = to + d;
#pragma GCC unroll 1
      for (int i = 0; i < kWidth; ++i) {
        for (int part = 0; part < kParts; ++part) {
          unit[i * kParts + part] = parts[part * kWidth + i];
        }
      }
    }
    for (; d < args.head_dim; ++d) {
      to[d] = from[place(d)];
    }
  }

  // Where to read: keys, and past the last token values.
  const Element* later(int64_t row, int64_t t) const {
    return t < args.time       ? key(row, t)
           : t < 2 * args.time ? value(row, t - args.time)
                               : value(row, args.time - 1);
  }

  // Asks for elements [d, d + count) of so many tokens.
  template <int kTokens>
  static void fetch(const Element* const (&rows)[kTokens], int64_t d,
                    int64_t count) {
    constexpr int64_t kLine = 64 / sizeof(Element);
    for (int64_t at = 0; at < count; at += kLine) {
#pragma GCC unroll 8
      for (int i = 0; i < kTokens; ++i) {
        __builtin_prefetch(rows[i] + d + at, 0, 2);
      }
    }
  }

  // Scores of query n from token t on, as the softmax takes them.
  Vec logits(int64_t n, int64_t t) const {
    const int64_t left = t < args.time ? args.time - t : 0;
    Vec x = Vec::load(weights + n * stride + t) * Vec::broadcast(args.scale);
    if (args.soft_cap > 0) {
      x = tanh(x * Vec::broadcast(1.0F / args.soft_cap)) *
          Vec::broadcast(args.soft_cap);
    }
    if (args.bias != nullptr) {
      const int64_t head = n / queries * group + n % group;
      x = x + load_up_to<Vec>(args.bias + head * args.bias_stride + t, left);
    }
    if (left < kWidth) {
      x = where_less(Vec::load(kLanes),
                     Vec::broadcast(static_cast<float>(left)), x,
                     Vec::broadcast(-INFINITY));
    }
    return x;
  }

  // Scores of queries [n, n + kQueries) become weights. Few tokens are a chain
  // of instructions that wait for one another, hence several queries at once.
  template <int kQueries>
  void soften(int64_t n) const {
    float* const rows = weights + n * stride;
    Vec peaks[kQueries];
    Vec sums[kSumVecs<Vec>][kSoftened];
#pragma GCC unroll 4
    for (int vec = 0; vec < kSumVecs<Vec>; ++vec) {
#pragma GCC unroll 4
      for (Vec& sum : sums[vec]) {
        sum = Vec::zero();
      }
    }
#pragma GCC unroll 4
    for (Vec& peak : peaks) {
      peak = Vec::broadcast(-INFINITY);
    }
    for (int64_t t = 0; t < stride; t += kWidth) {
#pragma GCC unroll 4
      for (int i = 0; i < kQueries; ++i) {
        const Vec x = logits(n + i, t);
        x.store(rows + i * stride + t);
        peaks[i] = max(x, peaks[i]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kQueries; ++i) {
      const float peak = reduce_max(peaks[i]);
      peaks[i] = Vec::broadcast(peak < -FLT_MAX ? 0.0F : peak);
    }
    for (int64_t t = 0; t < stride; t += kSumLanes) {
#pragma GCC unroll 4
      for (int vec = 0; vec < kSumVecs<Vec>; ++vec) {
#pragma GCC unroll 4
        for (int i = 0; i < kQueries; ++i) {
          float* const at = rows + i * stride + t + vec * kWidth;
          const Vec weight = exp_of_negative(Vec::load(at) - peaks[i]);
          sums[vec][i] = sums[vec][i] + weight;
          weight.store(at);
        }
      }
    }
    Vec quarters[kSumVecs<Vec>];
#pragma GCC unroll 4
    for (int vec = 0; vec < kSumVecs<Vec>; ++vec) {
      quarters[vec] = quarter_sums(sums[vec]);
    }
    float totals[kSoftened];
    store_sums(quarters, totals);
#pragma GCC unroll 4
    for (int i = 0; i < kQueries; ++i) {
      const float total = totals[i];
      peaks[i] = Vec::broadcast(total < FLT_MIN ? 0.0F : 1.0F / total);
    }
    for (int64_t t = 0; t < stride; t += kWidth) {
#pragma GCC unroll 4
      for (int i = 0; i < kQueries; ++i) {
        float* const at = rows + i * stride + t;
        (Vec::load(at) * peaks[i]).store(at);
      }
    }
  }

  void soften() const {
    const int64_t all = args.heads * args.rows;
    int64_t n = 0;
    for (; n + kSoftened <= all; n += kSoftened) {
      soften<kSoftened>(n);
    }
    for (; n < all; ++n) {
      soften<1>(n);
    }
  }

  template <int kUnits>
  void score(int64_t t, int64_t row, int64_t rows) const {
    const Element* k[kStepTokens];
    const Element* next[kStepTokens];
    for (int64_t i = 0; i < kStepTokens; ++i) {
      // Behind the last one the last one again: there is room for scores.
      k[i] = key(row, t + i < args.time ? t + i : args.time - 1);
      next[i] = later(row, t + i + ahead);
    }
    for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
      const int64_t d = kv * args.head_dim;
      if (args.far) {
        fetch(next, d, args.head_dim);
      }
      const int64_t first = kv * queries + row * group;
      for_tiles(first, first + rows * group, [&]<int kQueries>(int64_t n) {
        score_tile<Cache, kUnits, kQueries>(shape, q + n * padded, k, d,
                                            weights + n * stride + t);
      });
    }
  }

  template <int kUnits, int kTokens>
  void weigh(int64_t t, int64_t row, int64_t rows) const {
    const Element* v[kTokens];
    const Element* next[kTokens];
    for (int64_t i = 0; i < kTokens; ++i) {
      v[i] = value(row, t + i);
      next[i] = later(row, args.time + t + i + ahead);
    }
    for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
      const int64_t d = kv * args.head_dim;
      if (args.far) {
        fetch(next, d, args.head_dim);
      }
      const int64_t first = kv * queries + row * group;
      for_tiles(first, first + rows * group, [&]<int kQueries>(int64_t n) {
        weigh_tile<Cache, kUnits, kQueries>(shape, weights + n * stride + t, v,
                                            d, y + n * padded);
      });
    }
  }

  template <int kUnits>
  void run() const {
    for_all([&](int64_t row, int64_t head, int64_t n) {
      take_query(args.q + row * args.q_stride + head * args.head_dim,
                 q + n * padded);
    });
    for (int64_t t = 0; t < args.time; t += kStepTokens) {
      for_rows(t, kStepTokens,
               [&](int64_t row, int64_t rows) { score<kUnits>(t, row, rows); });
    }
    soften();
    std::memset(
        y, 0,
        static_cast<size_t>(args.heads * args.rows * padded) * sizeof(float));
    int64_t t = 0;
    for (; t + kStepTokens <= args.time; t += kStepTokens) {
      for_rows(t, kStepTokens, [&](int64_t row, int64_t rows) {
        weigh<kUnits, kStepTokens>(t, row, rows);
      });
    }
    for (; t < args.time; ++t) {
      for_rows(t, 1, [&](int64_t row, int64_t rows) {
        weigh<kUnits, 1>(t, row, rows);
      });
    }
    for_all([&](int64_t row, int64_t head, int64_t n) {
      give_output(y + n * padded,
                  args.y + row * args.y_stride + head * args.head_dim);
    });
  }
};

template <class Cache>
void attention_step(const AttentionStepArgs& args) {
  if (args.time == 0) {
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t i = 0; i < args.heads * args.head_dim; ++i) {
        args.y[row * args.y_stride + i] = 0.0F;
      }
    }
    return;
  }
  const AttentionStep<Cache> step{args};
  // The usual sizes of a head need no loop over it.
  constexpr int kUnit = Cache::kUnit;
  if (args.head_dim == 64 && 64 % kUnit == 0) {
    step.template run<64 / kUnit>();
  } else if (args.head_dim == 32 && 32 % kUnit == 0) {
    step.template run<32 / kUnit>();
  } else {
    step.template run<0>();
  }
}

}  // namespace pyattn::kernels
