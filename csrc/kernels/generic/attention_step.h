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
// place. Tokens are the outer loop and heads the inner one, so that a token's
// keys are read as one piece, and so are its values: head by head, with queries
// and outputs in registers, the reads jump and take 1.4 times as long from L2.
//
// The step is bound by reading. From caches it is as fast as the hardware's own
// prefetchers let it; an instruction more for each line costs up to a fifth.
// Tokens in memory are asked for far ahead, values behind the last key, and
// into L2: L1 waits for too few lines at once to keep a core's share of memory
// busy (12 against 25 GB/s on Zen 4, where reading on and on gives 30).
namespace pyattn::kernels {

inline constexpr int64_t kStepTokens = 4;     // that are scored together
inline constexpr int64_t kStepAhead = 16384;  // bytes to ask for in advance

// What a token keeps, read as floats: `kParts` vectors from a unit of elements.
template <class Vec>
struct Float32Cache {
  using Lanes = Vec;
  using Element = float;
  static constexpr int kParts = 1;
  static constexpr int kUnit = Vec::kWidth;

  static void load(const float* p, Vec (&parts)[kParts]) {
    parts[0] = Vec::load(p);
  }
};

// bfloat16 is the upper half of a float; even elements make a vector, and odd
// ones.
template <class Vec>
struct BFloat16Cache {
  using Lanes = Vec;
  using Element = uint16_t;
  static constexpr int kParts = 2;
  static constexpr int kUnit = 2 * Vec::kWidth;

  static void load(const uint16_t* p, Vec (&parts)[kParts]) {
    Vec::load_bfloat16(p, parts[0], parts[1]);
  }
};

template <class Cache>
struct AttentionStep {
  using Vec = typename Cache::Lanes;
  using Element = typename Cache::Element;
  static constexpr int kWidth = Vec::kWidth;
  static constexpr int kParts = Cache::kParts;
  static constexpr int kUnit = Cache::kUnit;

  const AttentionStepArgs& args;
  // attention_step_stride(time, kWidth)
  const int64_t stride = (args.time + kWidth - 1) / kWidth * kWidth;
  const int64_t group = args.heads / args.kv_heads;
  // Of a head, in whole units, whose elements stand in the order of their
  // parts.
  const int64_t padded = (args.head_dim + kUnit - 1) / kUnit * kUnit;
  float* const weights = args.scratch;             // [heads, stride]
  float* const q = weights + args.heads * stride;  // [heads, padded]
  float* const y = q + args.heads * padded;        // [heads, padded]

  // Where a unit's element d stands.
  static constexpr int64_t place(int64_t d) {
    return d / kUnit * kUnit + d % kParts * kWidth + d % kUnit / kParts;
  }

  const Element* key(int64_t t) const {
    return static_cast<const Element*>(args.keys[t]) + args.k_offset;
  }
  const Element* value(int64_t t) const {
    return static_cast<const Element*>(args.values[t]) + args.v_offset;
  }

  // A unit, or what is left of a head.
  static void load_up_to(const Element* p, int64_t count,
                         Vec (&parts)[kParts]) {
    if (count >= kUnit) {
      return Cache::load(p, parts);
    }
    Element whole[kUnit] = {};
    std::memcpy(whole, p, static_cast<size_t>(count) * sizeof(Element));
    Cache::load(whole, parts);
  }

  // The queries in the order of parts, and zeros behind an odd head's end.
  void take_queries() const {
    for (int64_t head = 0; head < args.heads; ++head) {
      const float* const from = args.q + head * args.head_dim;
      float* const to = q + head * padded;
      int64_t d = 0;
      for (; d + kUnit <= args.head_dim; d += kUnit) {
        const float* const __restrict unit = from + d;
        float* const __restrict parts = to + d;
#pragma GCC unroll 1
        for (int i = 0; i < kWidth; ++i) {
          for (int part = 0; part < kParts; ++part) {
            parts[part * kWidth + i] = unit[i * kParts + part];
          }
        }
      }
      if (d < args.head_dim) {
        std::memset(to + d, 0, kUnit * sizeof(float));
        for (; d < args.head_dim; ++d) {
          to[place(d)] = from[d];
        }
      }
    }
  }

  void give_outputs() const {
    for (int64_t head = 0; head < args.heads; ++head) {
      const float* const from = y + head * padded;
      float* const to = args.y + head * args.head_dim;
      int64_t d = 0;
      for (; d + kUnit <= args.head_dim; d += kUnit) {
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
  }

  // Where to read `ahead` tokens after token t: keys, and past the last token
  // values.
  const Element* later(int64_t t) const {
    return t < args.time       ? key(t)
           : t < 2 * args.time ? value(t - args.time)
                               : value(args.time - 1);
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

  int64_t ahead() const {
    const int64_t bytes = args.kv_heads * args.head_dim * sizeof(Element);
    return (kStepAhead / bytes + kStepTokens) / kStepTokens * kStepTokens;
  }

  // Scores of four tokens, all heads, which have kUnits whole units, or, if
  // that is 0, any size.
  template <int kUnits>
  void score(int64_t t, const Element* const (&k)[kStepTokens],
             const Element* const (&next)[kStepTokens]) const {
    const int64_t whole = kUnits > 0 ? kUnits : args.head_dim / kUnit;
    const int64_t rest = kUnits > 0 ? 0 : args.head_dim % kUnit;
    const float* query = q;
    float* out = weights + t;
    int64_t d = 0;
    for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
      if (args.far) {
        fetch(next, d, whole * kUnit + rest);
      }
      for (int64_t head = 0; head < group; ++head) {
        Vec sums[kStepTokens] = {Vec::zero(), Vec::zero(), Vec::zero(),
                                 Vec::zero()};
#pragma GCC unroll 8
        for (int64_t u = 0; u < whole; ++u) {
          Vec x[kParts];
#pragma GCC unroll 2
          for (int part = 0; part < kParts; ++part) {
            x[part] = Vec::load(query + u * kUnit + part * kWidth);
          }
#pragma GCC unroll 4
          for (int i = 0; i < kStepTokens; ++i) {
            Vec parts[kParts];
            Cache::load(k[i] + d + u * kUnit, parts);
#pragma GCC unroll 2
            for (int part = 0; part < kParts; ++part) {
              sums[i] = fma(x[part], parts[part], sums[i]);
            }
          }
        }
        if (rest > 0) {
          for (int i = 0; i < kStepTokens; ++i) {
            Vec parts[kParts];
            load_up_to(k[i] + d + whole * kUnit, rest, parts);
            for (int part = 0; part < kParts; ++part) {
              sums[i] = fma(Vec::load(query + whole * kUnit + part * kWidth),
                            parts[part], sums[i]);
            }
          }
        }
        reduce_add4(sums, out);
        query += kUnits > 0 ? kUnits * kUnit : padded;
        out += stride;
      }
      d += whole * kUnit + rest;
    }
  }

  // Scores of a head become weights.
  void soften(int64_t head) const {
    float* const row = weights + head * stride;
    const Vec scale = Vec::broadcast(args.scale);
    for (int64_t t = 0; t < stride; t += kWidth) {
      Vec x = Vec::load(row + t) * scale;
      if (args.soft_cap > 0) {
        x = tanh(x * Vec::broadcast(1.0F / args.soft_cap)) *
            Vec::broadcast(args.soft_cap);
      }
      if (args.bias != nullptr) {
        x = x + kernels::load_up_to<Vec>(
                    args.bias + head * args.bias_stride + t, args.time - t);
      }
      x.store(row + t);
    }
    for (int64_t t = args.time; t < stride; ++t) {
      row[t] = -INFINITY;
    }
    Vec peaks = Vec::broadcast(-INFINITY);
    for (int64_t t = 0; t < stride; t += kWidth) {
      peaks = max(Vec::load(row + t), peaks);
    }
    const float peak = reduce_max(peaks);
    const Vec base = Vec::broadcast(peak < -FLT_MAX ? 0.0F : peak);
    Vec sum = Vec::zero();
    for (int64_t t = 0; t < stride; t += kWidth) {
      const Vec weight = exp_of_negative(Vec::load(row + t) - base);
      sum = sum + weight;
      weight.store(row + t);
    }
    const float total = reduce_add(sum);
    const Vec inverse = Vec::broadcast(total < FLT_MIN ? 0.0F : 1.0F / total);
    for (int64_t t = 0; t < stride; t += kWidth) {
      (Vec::load(row + t) * inverse).store(row + t);
    }
  }

  // Adds tokens' values to the outputs of all heads; kUnits as in `score`.
  template <int kUnits, int kTokens>
  void weigh(int64_t t, const Element* const (&v)[kTokens],
             const Element* const (&next)[kTokens]) const {
    const int64_t whole = kUnits > 0 ? kUnits : args.head_dim / kUnit;
    const int64_t rest = kUnits > 0 ? 0 : args.head_dim % kUnit;
    const float* weight = weights + t;
    float* out = y;
    int64_t d = 0;
    for (int64_t kv = 0; kv < args.kv_heads; ++kv) {
      if (args.far) {
        fetch(next, d, whole * kUnit + rest);
      }
      for (int64_t head = 0; head < group; ++head) {
        Vec x[kTokens];
#pragma GCC unroll 8
        for (int i = 0; i < kTokens; ++i) {
          x[i] = Vec::broadcast(weight[i]);
        }
#pragma GCC unroll 8
        for (int64_t u = 0; u < whole; ++u) {
          Vec sums[kParts];
#pragma GCC unroll 2
          for (int part = 0; part < kParts; ++part) {
            sums[part] = Vec::load(out + u * kUnit + part * kWidth);
          }
#pragma GCC unroll 8
          for (int i = 0; i < kTokens; ++i) {
            Vec parts[kParts];
            Cache::load(v[i] + d + u * kUnit, parts);
#pragma GCC unroll 2
            for (int part = 0; part < kParts; ++part) {
              sums[part] = fma(x[i], parts[part], sums[part]);
            }
          }
#pragma GCC unroll 2
          for (int part = 0; part < kParts; ++part) {
            sums[part].store(out + u * kUnit + part * kWidth);
          }
        }
        if (rest > 0) {
          float* const last = out + whole * kUnit;
          for (int i = 0; i < kTokens; ++i) {
            Vec parts[kParts];
            load_up_to(v[i] + d + whole * kUnit, rest, parts);
            for (int part = 0; part < kParts; ++part) {
              fma(x[i], parts[part], Vec::load(last + part * kWidth))
                  .store(last + part * kWidth);
            }
          }
        }
        weight += stride;
        out += kUnits > 0 ? kUnits * kUnit : padded;
      }
      d += whole * kUnit + rest;
    }
  }

  template <int kUnits>
  void score() const {
    const int64_t far = ahead();
    for (int64_t t = 0; t < args.time; t += kStepTokens) {
      const Element* k[kStepTokens];
      const Element* next[kStepTokens];
      for (int64_t i = 0; i < kStepTokens; ++i) {
        // Behind the last one the last one again: there is room for scores.
        k[i] = key(t + i < args.time ? t + i : args.time - 1);
        next[i] = later(far + t + i);
      }
      score<kUnits>(t, k, next);
    }
  }

  template <int kUnits, int kTokens>
  void weigh(int64_t t, int64_t far) const {
    const Element* v[kTokens];
    const Element* next[kTokens];
    for (int64_t i = 0; i < kTokens; ++i) {
      v[i] = value(t + i);
      next[i] = later(args.time + far + t + i);
    }
    weigh<kUnits>(t, v, next);
  }

  template <int kUnits>
  void weigh() const {
    const int64_t far = ahead();
    std::memset(y, 0, static_cast<size_t>(args.heads * padded) * sizeof(float));
    int64_t t = 0;
    for (; t + kStepTokens <= args.time; t += kStepTokens) {
      weigh<kUnits, kStepTokens>(t, far);
    }
    for (; t < args.time; ++t) {
      weigh<kUnits, 1>(t, far);
    }
  }

  template <int kUnits>
  void run() const {
    take_queries();
    score<kUnits>();
    for (int64_t head = 0; head < args.heads; ++head) {
      soften(head);
    }
    weigh<kUnits>();
    give_outputs();
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
