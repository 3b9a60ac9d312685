#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "ops/rows.h"

namespace pyattn {

/// Queries that are neighbours, and which keys they see: query i of the piece
/// those from i + first to i + last, counted from the first of its keys, and
/// some segments.
struct AttentionPiece {
  int64_t query, queries;  // rows
  int64_t key, keys;       // rows
  int64_t first, last;
  int64_t segment, segments;  // of RaggedCall::segments
};

/// Further keys of a piece; the fields mean what KeySegment says.
struct RowSegment {
  ConstRows key_value;       // [count, 2 * kv_heads * head_dim]
  const int32_t* positions;  // [count], or null
  const float* distances;    // [heads], distances_stride apart; or null
  int64_t count, distances_stride;
  int64_t block;  // queries in one, from the row of the piece's first key on
  float constant;
};

/// Attention of ragged rows, in pieces.
struct RaggedCall {
  ConstRows q;  // [tokens, heads * head_dim], heads one behind the other
  ConstRows key_value;  // [tokens, 2 * kv_heads * head_dim]: keys, then values
  Rows y;               // [tokens, heads * head_dim]
  int64_t heads, kv_heads, head_dim;
  float scale;
  float soft_cap;     // 0: none
  const float* bias;  // [heads, bias_stride] by key row - query row, of
                      // distance 0 at `bias_middle`; or null
  int64_t bias_stride, bias_middle;
  DType dtype;  // what products take; int8 and int4 as `attention_dtype` has it
  std::vector<RowSegment> segments;  // each of one key or more
};

/// Pieces of `queries`, which lie side by side and see keys [key, key + keys):
/// each those `window` - 1 to either side of its own row, or all if it is 0.
/// Pieces end where the tiles of a kernel do, so that how the work is shared
/// out says nothing about the sums.
void add_pieces(const KernelTable& table, const AttentionPiece& whole,
                int64_t window, std::vector<AttentionPiece>& pieces);

void ragged_attention(const KernelTable& table,
                      const std::vector<AttentionPiece>& pieces,
                      const RaggedCall& call);

}  // namespace pyattn
