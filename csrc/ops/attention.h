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

/// Attention of a dense batch, softmax(cap(q k^T * scale) + bias, masked) v.
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
  float soft_cap;  // 0: none
  // Query i stands at position p = i + time_k - time_q: it sees keys up to p if
  // causal, and from p - window + 1 on if there is a window, 1 or more.
  bool causal;
  int64_t window;
  DType dtype;  // float32 or bfloat16: what products take
};

void attention(const KernelTable& table, const AttentionCall& call);

/// Sequences that lie one behind the other without padding: sequence s has the
/// rows starts[s] to starts[s + 1].
using Starts = std::vector<int64_t>;

/// Self-attention of every sequence with itself.
struct RaggedCall {
  ConstRows qkv;  // [tokens, (heads + 2 * kv_heads) * head_dim]: queries, keys
                  // and values of each token, heads one behind the other
  Rows y;         // [tokens, heads * head_dim]
  int64_t heads, kv_heads, head_dim;
  float scale;
  float soft_cap;     // 0: none
  int64_t window;     // positions seen to either side, the own included; 0: all
  const float* bias;  // [heads, bias_stride] by key - query, of distance 0 at
                      // `bias_middle`; or null
  int64_t bias_stride, bias_middle;
  DType dtype;  // float32 or bfloat16: what products take
};

void ragged_self_attention(const KernelTable& table, const Starts& starts,
                           const RaggedCall& call);

/// Where the keys and values of one decoding row lie: those of time t are
/// elements [k_offset, k_offset + kv_heads * head_dim) of tokens[t], and so on.
struct StepMemory {
  const void* const* tokens;
  int64_t time;
  const float* bias;  // [heads, time], or null
};

/// Neighbouring rows whose first `shared` tokens are the same.
struct StepGroup {
  int64_t row, rows, shared;
};

/// The memories of all rows of a step, and which rows read theirs together;
/// that is sought once for all layers.
class StepMemories {
 public:
  StepMemories() = default;
  explicit StepMemories(std::vector<StepMemory> rows);

  const std::vector<StepMemory>& rows() const { return rows_; }
  const std::vector<StepGroup>& groups() const { return groups_; }

 private:
  std::vector<StepMemory> rows_;
  std::vector<StepGroup> groups_;
};

/// What the rows of a step have in common.
struct StepCall {
  DType cache_type;  // float32 or bfloat16, of keys and values
  int64_t heads, kv_heads, head_dim;
  int64_t k_offset, v_offset, bias_stride;
  float scale;
  float soft_cap;  // 0: none
};

/// Attention of one query per head and row over that row's own memory:
/// q [rows, heads * head_dim], y like it.
void attention_step(const KernelTable& table, const StepCall& call, ConstRows q,
                    const StepMemories& memories, Rows y);

/// Bytes of an element of a stored key or value.
inline int64_t cache_element_bytes(DType cache_type) {
  return cache_type == DType::kBFloat16 ? 2 : 4;
}

/// Writes each row's `count` floats, an even number, to its token's slot, from
/// element `offset` on; a layer's key and value are neighbours there. bfloat16
/// is rounded here, once, so a token has the same keys and values in any batch.
void store(const KernelTable& table, DType cache_type, ConstRows x,
           int64_t count, const std::vector<void*>& tokens, int64_t offset);

}  // namespace pyattn
