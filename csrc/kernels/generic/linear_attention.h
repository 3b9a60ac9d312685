#pragma once

#include "kernels/generic/math.h"
#include "kernels/generic/sums.h"
#include "kernels/table.h"

// Attention without a softmax (Katharopoulos et al. 2020).
namespace pyattn::kernels {

// elu(x) + 1, which is positive.
template <class Vec>
void features(const float* x, int64_t count, float* to) {
  const Vec one = Vec::broadcast(1.0F);
  for (int64_t i = 0; i < count; i += Vec::kWidth) {
    const Vec part = load_up_to<Vec>(x + i, count - i);
    const Vec below = exp_of_negative(min(Vec::zero(), part));
    store_up_to(where_less(Vec::zero(), part, part + one, below), to + i,
                count - i);
  }
}

// The sums of keys so far: row d of the state is the sum of f(k)[d] (v, 1).
template <class Vec>
struct LinearAttention {
  // Vectors of a row of the state that stay in registers.
  static constexpr int kTogether = 4;

  explicit LinearAttention(const LinearAttentionArgs& call)
      : args(call),
        columns(call.columns),
        state(call.scratch),
        values(state + call.head_dim * columns),
        weights(values + kLinearAttentionKeys * columns) {
    for (int64_t i = 0; i < call.head_dim * columns; ++i) {
      state[i] = 0;
    }
  }

  // Takes up keys [begin, end), no more than kLinearAttentionKeys.
  void add(int64_t begin, int64_t end) {
    for (int64_t key = begin; key < end; ++key) {
      features<Vec>(args.k + key * args.k_stride, args.head_dim,
                    weights + (key - begin) * args.head_dim);
      float* const row = values + (key - begin) * columns;
      const float* const value = args.v + key * args.v_stride;
      for (int64_t i = 0; i < columns; ++i) {
        row[i] = i < args.value_dim ? value[i] : 0;
      }
      row[args.value_dim] = 1;
    }
    constexpr int64_t kStep = kTogether * Vec::kWidth;
    int64_t column = 0;
    for (; column + kStep <= columns; column += kStep) {
      add_columns<kTogether>(end - begin, column);
    }
    for (; column < columns; column += Vec::kWidth) {
      add_columns<1>(end - begin, column);
    }
  }

  template <int kVecs>
  void add_columns(int64_t keys, int64_t column) {
    for (int64_t d = 0; d < args.head_dim; ++d) {
      float* const to = state + d * columns + column;
      Vec sums[kVecs];
      for (int i = 0; i < kVecs; ++i) {
        sums[i] = Vec::load(to + i * Vec::kWidth);
      }
      for (int64_t key = 0; key < keys; ++key) {
        const Vec weight = Vec::broadcast(weights[key * args.head_dim + d]);
        const float* const row = values + key * columns + column;
        for (int i = 0; i < kVecs; ++i) {
          sums[i] = fma(weight, Vec::load(row + i * Vec::kWidth), sums[i]);
        }
      }
      for (int i = 0; i < kVecs; ++i) {
        sums[i].store(to + i * Vec::kWidth);
      }
    }
  }

  // The answer to a query.
  void ask(int64_t query) {
    features<Vec>(args.q + query * args.q_stride, args.head_dim, weights);
    constexpr int64_t kStep = kTogether * Vec::kWidth;
    int64_t column = 0;
    for (; column + kStep <= columns; column += kStep) {
      ask_columns<kTogether>(column);
    }
    for (; column < columns; column += Vec::kWidth) {
      ask_columns<1>(column);
    }
    float* const y = args.y + query * args.y_stride;
    const float total = values[args.value_dim];
    if (total == 0) {
      for (int64_t i = 0; i < args.value_dim; ++i) {
        y[i] = 0;
      }
      return;
    }
    const Vec divisor = Vec::broadcast(total);
    for (int64_t i = 0; i < args.value_dim; i += Vec::kWidth) {
      store_up_to(Vec::load(values + i) / divisor, y + i, args.value_dim - i);
    }
  }

  template <int kVecs>
  void ask_columns(int64_t column) {
    Vec sums[kVecs];
    for (int i = 0; i < kVecs; ++i) {
      sums[i] = Vec::zero();
    }
    for (int64_t d = 0; d < args.head_dim; ++d) {
      const Vec weight = Vec::broadcast(weights[d]);
      const float* const row = state + d * columns + column;
      for (int i = 0; i < kVecs; ++i) {
        sums[i] = fma(weight, Vec::load(row + i * Vec::kWidth), sums[i]);
      }
    }
    for (int i = 0; i < kVecs; ++i) {
      sums[i].store(values + column + i * Vec::kWidth);
    }
  }

  const LinearAttentionArgs& args;
  const int64_t columns;
  float* const state;    // [head_dim, columns]
  float* const values;   // [kLinearAttentionKeys, columns]
  float* const weights;  // [kLinearAttentionKeys, head_dim]
};

template <class Vec>
void linear_attention(const LinearAttentionArgs& args) {
  LinearAttention<Vec> sums(args);
  int64_t seen = 0;
  for (int64_t query = 0; query < args.time_q; ++query) {
    const int64_t reached = args.before + query + 1;
    const int64_t last =
        args.causal && reached < args.time_k ? reached : args.time_k;
    while (seen < last) {
      const int64_t left = last - seen;
      const int64_t end =
          seen + (left < kLinearAttentionKeys ? left : kLinearAttentionKeys);
      sums.add(seen, end);
      seen = end;
    }
    sums.ask(query);
  }
}

}  // namespace pyattn::kernels
