#pragma once

#include <cstdint>

// Arguments of the kernel of linear attention; a part of table.h.
namespace pyattn {

/// Keys that a state takes up at a time.
inline constexpr int64_t kLinearAttentionKeys = 32;

/// Floats of a row of the state: a value and the 1 behind it, whose sum is the
/// denominator, in whole vectors of any level.
inline int64_t linear_attention_columns(int64_t value_dim) {
  return (value_dim + 1 + 15) / 16 * 16;
}

/// The floats of scratch that it needs.
inline int64_t linear_attention_scratch(int64_t head_dim, int64_t value_dim) {
  return (head_dim + kLinearAttentionKeys) *
             linear_attention_columns(value_dim) +
         kLinearAttentionKeys * head_dim;
}

/// One head of one sequence: y = f(q) (sum of f(k) v^T) / f(q).(sum of f(k)),
/// f(x) = elu(x) + 1, over the keys that query i sees: all, or, if causal,
/// those up to `before` + i. Without any, or where the denominator is 0, y is
/// 0. Sums go from the first key on, whatever the level's vectors.
struct LinearAttentionArgs {
  const float* q;  // [time_q, head_dim]
  const float* k;  // [time_k, head_dim]
  const float* v;  // [time_k, value_dim]
  float* y;        // [time_q, value_dim]
  int64_t q_stride, k_stride, v_stride, y_stride;
  int64_t time_q, time_k, head_dim, value_dim;
  int64_t columns;  // linear_attention_columns(value_dim)
  bool causal;
  int64_t before;
  float* scratch;  // [linear_attention_scratch]
};

}  // namespace pyattn
