#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/generic/math.h"
#include "kernels/table.h"

// Attention of a decoding step: one query for each head, keys and values found
// by pointer. The lanes are elements of the head: a score is a product of
// vectors summed across, four tokens at a time; an output is a sum of values in
// place.
//
// Tokens are the outer loop and heads the inner one, so that a token's keys are
// read as one piece, and so are its values: the step is bound by that reading.
// The hardware knows nothing of the next tokens' places; they are asked for one
// block of tokens ahead.
namespace pyattn::kernels {

inline constexpr int64_t kStepTokens = 4;  // of a block

// What a token keeps, read as floats.
template <class Vec>
struct Float32Cache {
  using Lanes = Vec;
  using Element = float;

  static Vec load(const float* p, int64_t count) {
    return load_up_to<Vec>(p, count);
  }
};

// bfloat16 is the upper half of a float.
template <class Vec>
struct BFloat16Cache {
  using Lanes = Vec;
  using Element = uint16_t;

  static Vec load(const uint16_t* p, int64_t count) {
    if (count >= Vec::kWidth) {
      return Vec::load_bfloat16(p);
    }
    uint16_t part[Vec::kWidth] = {};
    std::memcpy(part, p, static_cast<size_t>(count) * sizeof(uint16_t));
    return Vec::load_bfloat16(part);
  }
};

template <class Cache>
struct AttentionStep {
  using Vec = typename Cache::Lanes;
  using Element = typename Cache::Element;

  const AttentionStepArgs& args;
  const int64_t stride = args.weights_stride;
  const int64_t group = args.heads / args.kv_heads;

  const Element* token(int64_t t, int64_t offset) const {
    return static_cast<const Element*>(args.tokens[t]) + offset;
  }

  // Asks for a head's part of the block of tokens from t on.
  void fetch(int64_t t, int64_t offset) const {
    constexpr int64_t kLine = 64 / sizeof(Element);
    for (int64_t i = t; i < t + kStepTokens && i < args.time; ++i) {
      for (int64_t d = 0; d < args.head_dim; d += kLine) {
        __builtin_prefetch(token(i, offset + d));
      }
    }
  }

  // weights[head][t] = k[t] . q
  void score() const {
    for (int64_t t = 0; t < args.time; t += kStepTokens) {
      for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
        const int64_t offset = args.k_offset + kv * args.head_dim;
        fetch(t + kStepTokens, offset);
        const Element* k[kStepTokens];
        for (int64_t i = 0; i < kStepTokens; ++i) {
          // Behind the last one the last one again: there is room for scores.
          k[i] = token(t + i < args.time ? t + i : args.time - 1, offset);
        }
        for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
          const float* q = args.q + head * args.head_dim;
          Vec sums[kStepTokens] = {Vec::zero(), Vec::zero(), Vec::zero(),
                                   Vec::zero()};
          for (int64_t d = 0; d < args.head_dim; d += Vec::kWidth) {
            const int64_t count = args.head_dim - d;
            const Vec x = load_up_to<Vec>(q + d, count);
#pragma GCC unroll 4
            for (int64_t i = 0; i < kStepTokens; ++i) {
              sums[i] = fma(x, Cache::load(k[i] + d, count), sums[i]);
            }
          }
          reduce_add4(sums, args.weights + head * stride + t);
        }
      }
    }
  }

  // Scores of a head become weights.
  void soften(int64_t head) const {
    float* const row = args.weights + head * stride;
    const Vec scale = Vec::broadcast(args.scale);
    for (int64_t t = 0; t < stride; t += Vec::kWidth) {
      Vec x = Vec::load(row + t) * scale;
      if (args.soft_cap > 0) {
        x = tanh(x * Vec::broadcast(1.0F / args.soft_cap)) *
            Vec::broadcast(args.soft_cap);
      }
      if (args.bias != nullptr) {
        x = x + load_up_to<Vec>(args.bias + head * args.bias_stride + t,
                                args.time - t);
      }
      x.store(row + t);
    }
    for (int64_t t = args.time; t < stride; ++t) {
      row[t] = -INFINITY;
    }
    Vec peaks = Vec::broadcast(-INFINITY);
    for (int64_t t = 0; t < stride; t += Vec::kWidth) {
      peaks = max(Vec::load(row + t), peaks);
    }
    const float peak = reduce_max(peaks);
    const Vec base = Vec::broadcast(peak < -FLT_MAX ? 0.0F : peak);
    Vec sum = Vec::zero();
    for (int64_t t = 0; t < stride; t += Vec::kWidth) {
      const Vec weight = exp_of_negative(Vec::load(row + t) - base);
      sum = sum + weight;
      weight.store(row + t);
    }
    const float total = reduce_add(sum);
    const Vec inverse = Vec::broadcast(total < FLT_MIN ? 0.0F : 1.0F / total);
    for (int64_t t = 0; t < stride; t += Vec::kWidth) {
      (Vec::load(row + t) * inverse).store(row + t);
    }
  }

  // Adds kTokens tokens' values, from t on, to y.
  template <int kTokens>
  void weigh(int64_t t, int64_t kv) const {
    const Element* v[kTokens];
    for (int i = 0; i < kTokens; ++i) {
      v[i] = token(t + i, args.v_offset + kv * args.head_dim);
    }
    for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
      float* const y = args.y + head * args.head_dim;
      Vec weights[kTokens];
#pragma GCC unroll 4
      for (int i = 0; i < kTokens; ++i) {
        weights[i] = Vec::broadcast(args.weights[head * stride + t + i]);
      }
      for (int64_t d = 0; d < args.head_dim; d += Vec::kWidth) {
        const int64_t count = args.head_dim - d;
        Vec sum = t == 0 ? Vec::zero() : load_up_to<Vec>(y + d, count);
#pragma GCC unroll 4
        for (int i = 0; i < kTokens; ++i) {
          sum = fma(weights[i], Cache::load(v[i] + d, count), sum);
        }
        store_up_to(sum, y + d, count);
      }
    }
  }

  void weigh() const {
    int64_t t = 0;
    for (; t + kStepTokens <= args.time; t += kStepTokens) {
      for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
        fetch(t + kStepTokens, args.v_offset + kv * args.head_dim);
        weigh<kStepTokens>(t, kv);
      }
    }
    for (; t < args.time; ++t) {
      for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
        weigh<1>(t, kv);
      }
    }
  }
};

template <class Cache>
void attention_step(const AttentionStepArgs& args) {
  if (args.time == 0) {
    for (int64_t i = 0; i < args.heads * args.head_dim; ++i) {
      args.y[i] = 0.0F;
    }
    return;
  }
  const AttentionStep<Cache> step{args};
  step.score();
  for (int64_t head = 0; head < args.heads; ++head) {
    step.soften(head);
  }
  step.weigh();
}

}  // namespace pyattn::kernels
