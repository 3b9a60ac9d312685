#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "ops/rows.h"

namespace pyattn {

/// Where the keys and values of one decoding row lie: the keys of time t are
/// kv_heads * head_dim elements of tokens[t], from element `together` *
/// StepCall::keys on, and its values begin `together` * StepCall::values
/// elements behind. `together` is 1 if each token has all of its own in one
/// place, or the number of tokens that lie side by side in each layer.
struct StepMemory {
  const void* const* tokens;
  int64_t time;
  int64_t together;
  /// int8 only: [layers][keys, values][kv_heads, time].
  const float* scales = nullptr;
  const float* bias = nullptr;  // [heads, time], or null
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
  DType cache_type;  // of keys and values
  int64_t layer;
  int64_t heads, kv_heads, head_dim;
  int64_t keys;    // elements of a token in front of its keys in this layer
  int64_t values;  // elements of a token from its keys to its values
  int64_t scales;  // scales of a token in front of those of this layer
  int64_t bias_stride;
  float scale;
  float soft_cap;  // 0: none
};

/// Attention of one query per head and row over that row's own memory:
/// q [rows, heads * head_dim], y like it.
void attention_step(const KernelTable& table, const StepCall& call, ConstRows q,
                    const StepMemories& memories, Rows y);

/// Bytes of an element of a stored key or value.
inline int64_t cache_element_bytes(DType cache_type) {
  return cache_type == DType::kFloat32 ? 4 : cache_type == DType::kInt8 ? 1 : 2;
}

/// Writes `count` floats to `to`, as floats or bfloat16; of the latter an even
/// number. They are rounded here, once, so a token has the same keys and values
/// in any batch.
void store_row(const KernelTable& table, DType cache_type, const float* from,
               int64_t count, void* to);

/// Writes each row's `count` floats, an even number, to its token's slot, from
/// element `offset` on; a layer's key and value are neighbours there.
void store(const KernelTable& table, DType cache_type, ConstRows x,
           int64_t count, const std::vector<void*>& tokens, int64_t offset);

}  // namespace pyattn
