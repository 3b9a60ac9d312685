#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "ops/rows.h"

namespace pyattn {

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
