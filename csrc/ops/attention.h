#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "ops/rows.h"

namespace pyattn {

/// Floats between neighbours along each axis but the last, whose neighbours
/// touch.
struct HeadStrides {
  int64_t batch, head, time;
};

/// Attention of a dense batch, softmax(q k^T * scale + bias, masked) v.
struct AttentionCall {
  const float* q;          // [batch, heads, time_q, head_dim]
  const float* k;          // [batch, kv_heads, time_k, head_dim]
  const float* v;          // [batch, kv_heads, time_k, head_dim]
  const int64_t* lengths;  // [batch] keys that exist, or null: all
  const uint8_t* mask;     // [batch, heads, time_q, time_k] or null
  const float* bias;       // [batch, heads, time_q, time_k] or null
  float* y;                // [batch, heads, time_q, head_dim]
  HeadStrides q_strides, k_strides, v_strides, y_strides;
  HeadStrides mask_strides, bias_strides;
  int64_t batch, heads, kv_heads, time_q, time_k, head_dim;
  float scale;
  bool causal;  // query i sees keys up to i + time_k - time_q
};

void attention(const KernelTable& table, const AttentionCall& call);

/// Sequences that lie one behind the other without padding: sequence s has the
/// rows starts[s] to starts[s + 1].
using Starts = std::vector<int64_t>;

/// Self-attention of every sequence with itself: qkv [tokens, 3 * dim] holds
/// queries, keys and values of each token, each with its heads one behind the
/// other; y is [tokens, dim].
void ragged_self_attention(const KernelTable& table, ConstRows qkv,
                           const Starts& starts, int64_t heads, int64_t dim,
                           Rows y);

/// Where the keys and values of one decoding row lie: tokens[t] + k_offset and
/// tokens[t] + v_offset, [dim] each.
struct StepMemory {
  const float* const* tokens;
  int64_t time;
};

/// Attention of one query per row over that row's own memory: q [rows, dim],
/// y [rows, dim].
void attention_step(const KernelTable& table, ConstRows q,
                    const std::vector<StepMemory>& memories, int64_t k_offset,
                    int64_t v_offset, int64_t heads, int64_t dim, Rows y);

}  // namespace pyattn
