#pragma once

#include <cstdint>

#include "kernels/generic/math.h"
#include "kernels/generic/row_steps.h"
#include "kernels/generic/split.h"
#include "kernels/table.h"

// Rows of floats to the words that products read: two passes over a row that
// is in L1.
namespace pyattn::kernels {

// `count` bytes from kLeast up; those from dim on may be anything, since the
// weights are zero there.
template <class Vec, int kLeast>
void row_to_int8(const float* x, int64_t dim, int8_t* q, int64_t count,
                 float* row_scale, int32_t* row_zero) {
  const RowSteps<Vec> steps(x, dim);
  *row_scale = steps.scale;
  const Vec zero = Vec::broadcast(static_cast<float>(kLeast)) + steps.below;
  *row_zero = static_cast<int32_t>(reduce_max(zero));
  const Vec most = Vec::broadcast(static_cast<float>(kLeast + 255));
  // Both ends may have been rounded up.
  const auto bytes = [&](int64_t i, int64_t left) {
    return min(steps.whole(load_up_to<Vec>(x + i, left)) + zero, most);
  };
  int64_t i = 0;
  for (; i + Vec::kWidth <= dim; i += Vec::kWidth) {
    store_bytes(bytes(i, Vec::kWidth), q + i);
  }
  if (i < count) {
    int8_t rest[Vec::kWidth];
    store_bytes(bytes(i, dim - i), rest);
    for (int64_t at = i; at < count; ++at) {
      q[at] = at < dim ? rest[at - i] : 0;
    }
  }
}

// A scale and a zero for each group: see Words. `steps` are words, and whole
// groups; what lies past the last input is multiplied by zero.
template <class Vec, int kLeast>
void row_to_int8_groups(const float* x, int64_t dim, char* words,
                        int64_t steps) {
  const int64_t groups = steps / kInputGroupSteps;
  char* const behind = words + steps * 4;
  float* const scales = reinterpret_cast<float*>(behind);
  int32_t* const zeros = reinterpret_cast<int32_t*>(behind + groups * 4);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t at = g * kInputGroup;
    const int64_t left = dim - at;
    row_to_int8<Vec, kLeast>(x + at, left < kInputGroup ? left : kInputGroup,
                             reinterpret_cast<int8_t*>(words) + at, kInputGroup,
                             scales + g, zeros + g);
  }
}

// `count` numbers, zeros from dim on.
template <class Vec>
void row_to_bfloat16(const float* x, int64_t dim, uint16_t* y, int64_t count) {
  int64_t i = 0;
  for (; i + Vec::kWidth <= dim; i += Vec::kWidth) {
    store_bfloat16(Vec::load(x + i), y + i);
  }
  if (i < count) {
    uint16_t rest[Vec::kWidth];
    store_bfloat16(load_up_to<Vec>(x + i, dim - i), rest);
    for (int64_t at = i; at < count; ++at) {
      y[at] = at < dim ? rest[at - i] : 0;
    }
  }
}

template <class Vec>
void heads_to_int8(const HeadsToInt8Args& args) {
  for (int64_t head = 0; head < args.heads; ++head) {
    const float* const x = args.x + head * args.head_dim;
    int8_t* const y = args.y + head * args.head_dim;
    Vec most = Vec::zero();
    Vec alarm = Vec::zero();  // as in RowRange
    for (int64_t i = 0; i < args.head_dim; i += Vec::kWidth) {
      const Vec value = load_up_to<Vec>(x + i, args.head_dim - i);
      most = max(abs(value), most);
      alarm = fma(value, Vec::zero(), alarm);
    }
    const float scale = reduce_max(most) / 127.0F + reduce_add(alarm);
    args.scales[head * args.scale_stride] = scale;
    const Vec inverse =
        Vec::broadcast(scale > 0 && scale < 1e38F ? 1.0F / scale : 0.0F);
    const auto whole = [&](Vec value) {
      const Vec safe = where_less(Vec::zero(), inverse, value, Vec::zero());
      return round(safe * inverse);
    };
    int64_t i = 0;
    for (; i + Vec::kWidth <= args.head_dim; i += Vec::kWidth) {
      store_bytes(whole(Vec::load(x + i)), y + i);
    }
    if (i < args.head_dim) {
      int8_t rest[Vec::kWidth];
      store_bytes(whole(load_up_to<Vec>(x + i, args.head_dim - i)), rest);
      for (int64_t at = i; at < args.head_dim; ++at) {
        y[at] = rest[at - i];
      }
    }
  }
}

template <class Vec, int kLeast>
void prepare_row(const float* x, int64_t dim, const WordRows& words,
                 int64_t row) {
  char* to = static_cast<char*>(words.data) + row * words.stride * 4;
  switch (words.kind) {
    case Words::kFloats:
      return;
    case Words::kBFloat16:
      return row_to_bfloat16<Vec>(x, dim, reinterpret_cast<uint16_t*>(to),
                                  words.stride * 2);
    case Words::kInt8:
      return row_to_int8<Vec, kLeast>(x, dim, reinterpret_cast<int8_t*>(to),
                                      words.stride * 4, words.scale + row,
                                      words.zero + row);
    case Words::kInt8Groups:
      return row_to_int8_groups<Vec, kLeast>(x, dim, to,
                                             grouped_steps<Vec>(dim));
    case Words::kInt8Split:
    case Words::kInt8GroupsSplit:
      if constexpr (requires(Vec v) { pair_sums(v); }) {
        SplitPart* const apart = words.parts + row * words.part_stride;
        if (words.kind == Words::kInt8GroupsSplit) {
          return row_to_int8_groups_split<Vec>(x, dim, to, apart);
        }
        return row_to_int8_split<Vec, kLeast>(
            x, dim, to, apart, words.scale + row, words.zero + row);
      }
  }
}

template <class Vec, int kLeast>
void prepare(const PrepareArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    prepare_row<Vec, kLeast>(args.x + row * args.x_stride, args.dim, args.words,
                             row);
  }
}

}  // namespace pyattn::kernels
