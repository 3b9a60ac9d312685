#pragma once

#include <cstdint>

#include "kernels/table.h"
#include "ops/attention.h"

namespace pyattn {

/// Linear attention of a dense batch: LinearAttentionArgs has the formula.
struct LinearAttentionCall {
  const float* q;          // [batch, heads, time_q, head_dim]
  const float* k;          // [batch, heads, time_k, head_dim]
  const float* v;          // [batch, heads, time_k, value_dim]
  const int64_t* lengths;  // [batch] keys that exist, or null: all
  float* y;                // [batch, heads, time_q, value_dim]
  HeadStrides q_strides, k_strides, v_strides, y_strides;
  int64_t batch, heads, time_q, time_k, head_dim, value_dim;
  bool causal;  // query i stands at position i + time_k - time_q
};

/// Heads are split over threads.
void linear_attention(const KernelTable& table,
                      const LinearAttentionCall& call);

}  // namespace pyattn
