#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/generic/elementwise.h"
#include "kernels/generic/math.h"
#include "kernels/generic/sums.h"
#include "kernels/table.h"

// The ends of the network: rows of the embedding in, scores of the vocabulary
// out.
namespace pyattn::kernels {

template <class Vec>
void embed(const EmbedArgs& args) {
  const Vec scale = Vec::broadcast(args.scale);
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* token = args.table + args.ids[row] * args.dim;
    const float* position =
        args.positions == nullptr
            ? nullptr
            : args.positions + args.position_ids[row] * args.dim;
    float* y = args.y + row * args.dim;
    for (int64_t d = 0; d < args.dim; d += Vec::kWidth) {
      const int64_t count = args.dim - d;
      store_up_to(fma(load_up_to<Vec>(token + d, count), scale,
                      load_or_zero<Vec>(position, d, count)),
                  y + d, count);
    }
  }
}

// Loads up to a vector's worth; -inf where there is no element.
template <class Vec>
Vec load_or_never(const float* p, int64_t count) {
  const int n = static_cast<int>(count);
  const Vec inside = keep_first(Vec::broadcast(1.0F), n);
  return where_less(inside, Vec::broadcast(0.5F), Vec::broadcast(-INFINITY),
                    Vec::load_first(p, n));
}

// e^x for x <= 0, NaN for NaN; relative error below 2e-7 next to 0, and below
// 3e-8 of 1 in addition to that. The general exp splits x log2(e) exactly; here
// its rounding is a share of |x|, which e^x outweighs: 7 operations of the
// multiplier in place of 12. 2^f is a polynomial of degree 5 that is 1 at 0,
// fitted for the least relative error on |f| <= 1/2.
template <class Vec>
Vec exp_below_zero(Vec x) {
  // In this order NaN stays NaN; from 2^-127 on it is no normal number.
  const Vec t = max(Vec::broadcast(-127.0F), x * Vec::broadcast(1.44269504F));
  const Vec n = round(t);
  const Vec f = t - n;
  Vec p = Vec::broadcast(0.0013264727F);
  p = fma(p, f, Vec::broadcast(0.009671513F));
  p = fma(p, f, Vec::broadcast(0.055507336F));
  p = fma(p, f, Vec::broadcast(0.24022242F));
  p = fma(p, f, Vec::broadcast(0.693147F));
  return ldexp(fma(p, f, Vec::broadcast(1.0F)), n);
}

template <class Vec>
Vec max_of(const float* x, int64_t count) {
  Vec most[2] = {Vec::broadcast(-INFINITY), Vec::broadcast(-INFINITY)};
  int64_t i = 0;
  for (; i + 2 * Vec::kWidth <= count; i += 2 * Vec::kWidth) {
    most[0] = max(Vec::load(x + i), most[0]);
    most[1] = max(Vec::load(x + i + Vec::kWidth), most[1]);
  }
  for (; i + Vec::kWidth <= count; i += Vec::kWidth) {
    most[0] = max(Vec::load(x + i), most[0]);
  }
  if (i < count) {
    most[1] = max(load_or_never<Vec>(x + i, count - i), most[1]);
  }
  return max(most[0], most[1]);
}

// The sum of exp(x - base); with kWeighted, each times its weight.
template <class Vec, bool kWeighted>
float sum_of_exp(const LogSumExpArgs& args, Vec base) {
  Vec sums[kSumVecs<Vec>];
#pragma GCC unroll 4
  for (Vec& sum : sums) {
    sum = Vec::zero();
  }
  const auto add = [&](Vec& sum, int64_t i, Vec logit) {
    const Vec e = exp_below_zero(logit - base);
    sum = kWeighted
              ? fma(load_up_to<Vec>(args.weights + i, args.count - i), e, sum)
              : sum + e;
  };
  int64_t i = 0;
  for (; i + kSumLanes <= args.count; i += kSumLanes) {
#pragma GCC unroll 4
    for (int vec = 0; vec < kSumVecs<Vec>; ++vec) {
      const int64_t at = i + vec * Vec::kWidth;
      add(sums[vec], at, Vec::load(args.x + at));
    }
  }
#pragma GCC unroll 4
  for (int vec = 0; vec < kSumVecs<Vec>; ++vec, i += Vec::kWidth) {
    if (i < args.count) {
      const int64_t left = args.count - i;
      add(sums[vec], i,
          left < Vec::kWidth ? load_or_never<Vec>(args.x + i, left)
                             : Vec::load(args.x + i));
    }
  }
  return reduce_sums(sums);
}

// Two passes over what is in L1 or L2. A running maximum would save the cheap
// one of them, and cost the other a maximum, an exponential and a product.
template <class Vec>
void log_sum_exp(const LogSumExpArgs& args) {
  const float peak = reduce_max(max_of<Vec>(args.x, args.count));
  // Where all are -inf, exp(-inf - 0) is the zero that is due.
  const Vec base = Vec::broadcast(peak < -FLT_MAX ? 0.0F : peak);
  *args.max = peak;
  *args.sum = args.weights == nullptr ? sum_of_exp<Vec, false>(args, base)
                                      : sum_of_exp<Vec, true>(args, base);
}

// Inserts x[i] behind all that are at least as good. `found` < k or x[i] beats
// the last.
template <class Vec>
void insert_candidate(const TopKArgs& args, int64_t i) {
  int32_t at = *args.found < args.k ? (*args.found)++ : args.k - 1;
  for (; at > 0 && args.scores[at - 1] < args.x[i]; --at) {
    args.scores[at] = args.scores[at - 1];
    args.ids[at] = args.ids[at - 1];
  }
  args.scores[at] = args.x[i];
  args.ids[at] = args.first_id + static_cast<int32_t>(i);
}

template <class Vec>
void top_k(const TopKArgs& args) {
  // A candidate must beat the last of the list, or -inf while there is room;
  // few do, so a whole vector is dismissed by one comparison.
  const auto bar = [&args] {
    return *args.found < args.k ? -INFINITY : args.scores[args.k - 1];
  };
  int64_t i = 0;
  for (; i + Vec::kWidth <= args.count; i += Vec::kWidth) {
    uint32_t better =
        greater_bits(Vec::load(args.x + i), Vec::broadcast(bar()));
    while (better != 0) {
      const int64_t at = i + __builtin_ctz(better);
      better &= better - 1;
      if (args.x[at] > bar()) {
        insert_candidate<Vec>(args, at);
      }
    }
  }
  for (; i < args.count; ++i) {
    if (args.x[i] > bar()) {
      insert_candidate<Vec>(args, i);
    }
  }
}

}  // namespace pyattn::kernels
