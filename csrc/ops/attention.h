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

/// Keys that the queries of a dense batch see beside the others; the fields
/// mean what KeySegment says.
struct BatchSegment {
  const float* k;            // [batch, kv_heads, count, head_dim]
  const float* v;            // [batch, kv_heads, count, head_dim]
  const int32_t* positions;  // [count], or null
  const float* distances;    // [heads, 2 * count - 1], or null
  HeadStrides k_strides, v_strides;
  int64_t count, block;
  float constant;
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
  // causal, else up to p + ahead, and from p - window + 1 on if there is a
  // window, 1 or more.
  bool causal;
  int64_t window, ahead;
  std::vector<BatchSegment> segments;  // each of one key or more
  DType dtype;  // float32 or bfloat16: what products take
};

void attention(const KernelTable& table, const AttentionCall& call);

/// The tiled kernel of a number type.
void run_tiles(const KernelTable& table, DType dtype,
               const AttentionArgs& args);

/// Queries that it takes at a time. Work that is split behind whole ones says
/// nothing about the sums.
int64_t tile_queries(const KernelTable& table);

}  // namespace pyattn
