#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/table.h"

// The ends of the network: rows of the embedding in, scores of the vocabulary
// out.
namespace pyattn::kernels {

template <class Vec>
void embed(const EmbedArgs& args) {
  const Vec scale = Vec::broadcast(args.scale);
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* token = args.table + args.ids[row] * args.dim;
    const float* position = args.positions + args.position_ids[row] * args.dim;
    float* y = args.y + row * args.dim;
    for (int64_t d = 0; d < args.dim; d += Vec::kWidth) {
      const int64_t count = args.dim - d;
      store_up_to(fma(load_up_to<Vec>(token + d, count), scale,
                      load_up_to<Vec>(position + d, count)),
                  y + d, count);
    }
  }
}

template <class Vec>
void log_sum_exp(const LogSumExpArgs& args) {
  // -inf where a last, partial vector has no element.
  const auto load = [&args](int64_t i) {
    const int64_t left = args.count - i;
    if (left >= Vec::kWidth) {
      return Vec::load(args.x + i);
    }
    const Vec none = Vec::broadcast(-INFINITY);
    const Vec inside = keep_first(Vec::broadcast(1.0F), static_cast<int>(left));
    return where_less(inside, Vec::broadcast(0.5F), none,
                      Vec::load_first(args.x + i, static_cast<int>(left)));
  };
  Vec most = Vec::broadcast(-INFINITY);
  for (int64_t i = 0; i < args.count; i += Vec::kWidth) {
    most = max(load(i), most);
  }
  const float peak = reduce_max(most);
  const Vec base = Vec::broadcast(peak < -FLT_MAX ? 0.0F : peak);
  Vec sum = Vec::zero();
  for (int64_t i = 0; i < args.count; i += Vec::kWidth) {
    sum = sum + exp(load(i) - base);
  }
  *args.max = peak;
  *args.sum = reduce_add(sum);
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
