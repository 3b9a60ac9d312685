#include "ops/ragged_attention.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/threads.h"
#include "ops/attention.h"

namespace pyattn {

void add_pieces(const KernelTable& table, const AttentionPiece& whole,
                int64_t window, std::vector<AttentionPiece>& pieces) {
  const int64_t tile = tile_queries(table);
  for (int64_t done = 0; done < whole.queries; done += tile) {
    AttentionPiece piece = whole;
    piece.query += done;
    piece.queries = std::min(tile, whole.queries - done);
    const int64_t position = piece.query - whole.key;
    piece.first = window > 0 ? position - window + 1 : -piece.queries;
    piece.last = window > 0 ? position + window - 1 : whole.keys;
    pieces.push_back(piece);
  }
}

namespace {

// Keys up to which attention of int8 models multiplies in float32.
constexpr int64_t kFloat32Keys = 128;

// Inputs that come from products of int8 or int4 have fewer digits than
// bfloat16, so either type will do. But CPUs that multiply bfloat16 round its
// sums in ways of their own. In float32 a sentence of int8 has the same bits on
// every level. It costs 0.5 % of an encoder's time with 30 tokens, 4 % with
// 120, 17 % with 500 (OPUS-MT's shape on Zen 4): long sources are for bfloat16.
DType attention_dtype(const RaggedCall& call, const AttentionPiece& piece) {
  if (call.dtype == DType::kFloat32 || call.dtype == DType::kBFloat16) {
    return call.dtype;
  }
  return piece.keys <= kFloat32Keys ? DType::kFloat32 : DType::kBFloat16;
}

// One head of a piece.
void ragged_head(const KernelTable& table, const RaggedCall& call,
                 const AttentionPiece& piece, int64_t head,
                 std::vector<KeySegment>& segments, float* scratch) {
  const int64_t kv_head = head / (call.heads / call.kv_heads);
  const int64_t values = call.kv_heads * call.head_dim;
  const auto key = [&](ConstRows rows) {
    return rows.data + kv_head * call.head_dim;
  };
  segments.clear();
  for (int64_t n = 0; n < piece.segments; ++n) {
    const RowSegment& segment = call.segments[piece.segment + n];
    segments.push_back(
        {.k = key(segment.key_value),
         .v = key(segment.key_value) + values,
         .positions = segment.positions,
         .distances = segment.distances == nullptr
                          ? nullptr
                          : segment.distances + head * segment.distances_stride,
         .count = segment.count,
         .k_stride = segment.key_value.stride,
         .v_stride = segment.key_value.stride,
         .query = piece.query - piece.key,
         .block = segment.block,
         .constant = segment.constant});
  }
  AttentionArgs args = {};
  args.q = call.q.from(piece.query).data + head * call.head_dim;
  args.k = key(call.key_value.from(piece.key));
  args.v = args.k + values;
  args.y = call.y.from(piece.query).data + head * call.head_dim;
  args.scratch = scratch;
  args.time_q = piece.queries;
  args.time_k = piece.keys;
  args.head_dim = call.head_dim;
  args.q_stride = call.q.stride;
  args.k_stride = args.v_stride = call.key_value.stride;
  args.y_stride = call.y.stride;
  args.first = piece.first;
  args.last = piece.last;
  args.segments = segments.data();
  args.segment_count = piece.segments;
  args.scale = call.scale;
  args.soft_cap = call.soft_cap;
  if (call.bias != nullptr) {
    // Each query sees the same row of the table, one element further on.
    args.bias = call.bias + head * call.bias_stride + call.bias_middle +
                piece.key - piece.query;
    args.bias_stride = -1;
  }
  run_tiles(table, attention_dtype(call, piece), args);
}

// The keys that all queries of pieces see, one behind the other.
int64_t seen_keys(const RaggedCall& call,
                  const std::vector<AttentionPiece>& pieces) {
  int64_t seen = 0;
  for (const AttentionPiece& piece : pieces) {
    int64_t keys = std::min(piece.keys, piece.last - piece.first + 1);
    for (int64_t n = 0; n < piece.segments; ++n) {
      keys += call.segments[piece.segment + n].count;
    }
    seen += keys * piece.queries;
  }
  return seen;
}

}  // namespace

void ragged_attention(const KernelTable& table,
                      const std::vector<AttentionPiece>& pieces,
                      const RaggedCall& call) {
  const int64_t count = static_cast<int64_t>(pieces.size());
  const int64_t work = seen_keys(call, pieces) * call.head_dim * 2;
  parallel_for(
      count * call.heads, grain(work / std::max<int64_t>(count, 1)),
      [&](int64_t begin, int64_t end) {
        std::vector<KeySegment> segments;
        Buffer<float> scratch(attention_scratch(call.head_dim, table.lanes));
        for (int64_t task = begin; task < end; ++task) {
          ragged_head(table, call, pieces[task / call.heads], task % call.heads,
                      segments, scratch.data());
        }
      });
}

}  // namespace pyattn
