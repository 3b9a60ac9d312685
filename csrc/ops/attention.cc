#include "ops/attention.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// The segments of one head of one sequence, whose first query is `query`.
std::vector<KeySegment> dense_segments(const AttentionCall& call,
                                       int64_t sequence, int64_t head,
                                       int64_t query) {
  const int64_t kv_head = head / (call.heads / call.kv_heads);
  std::vector<KeySegment> segments;
  for (const BatchSegment& segment : call.segments) {
    const auto at = [&](const float* base, const HeadStrides& strides) {
      return base + sequence * strides.batch + kv_head * strides.head;
    };
    const float* const distances = segment.distances == nullptr
                                       ? nullptr
                                       : segment.distances +
                                             head * (2 * segment.count - 1) +
                                             segment.count - 1;
    segments.push_back({.k = at(segment.k, segment.k_strides),
                        .v = at(segment.v, segment.v_strides),
                        .positions = segment.positions,
                        .distances = distances,
                        .count = segment.count,
                        .k_stride = segment.k_strides.time,
                        .v_stride = segment.v_strides.time,
                        .query = query,
                        .block = segment.block,
                        .constant = segment.constant});
  }
  return segments;
}

// One head of one sequence of a dense batch, queries [query, end).
void dense_head(const KernelTable& table, const AttentionCall& call,
                int64_t sequence, int64_t head, int64_t query, int64_t end,
                Buffer<float>& scratch) {
  const int64_t kv_head = head / (call.heads / call.kv_heads);
  const auto at = [sequence](const auto* base, HeadStrides strides,
                             int64_t of_head) {
    return base + sequence * strides.batch + of_head * strides.head;
  };
  AttentionArgs args = {};
  args.q = at(call.q, call.q_strides, head) + query * call.q_strides.time;
  args.k = at(call.k, call.k_strides, kv_head);
  args.v = at(call.v, call.v_strides, kv_head);
  args.y = call.y + sequence * call.y_strides.batch +
           head * call.y_strides.head + query * call.y_strides.time;
  if (call.mask != nullptr) {
    args.mask =
        at(call.mask, call.mask_strides, head) + query * call.mask_strides.time;
  }
  if (call.bias != nullptr) {
    args.bias =
        at(call.bias, call.bias_strides, head) + query * call.bias_strides.time;
  }
  args.time_q = end - query;
  args.time_k = call.lengths == nullptr ? call.time_k : call.lengths[sequence];
  args.head_dim = call.head_dim;
  args.q_stride = call.q_strides.time;
  args.k_stride = call.k_strides.time;
  args.v_stride = call.v_strides.time;
  args.y_stride = call.y_strides.time;
  args.mask_stride = call.mask_strides.time;
  args.bias_stride = call.bias_strides.time;
  const int64_t position = query + call.time_k - call.time_q;
  args.first = call.window > 0 ? position - call.window + 1 : -args.time_q;
  args.last = position + (call.causal ? 0 : call.ahead);
  const std::vector<KeySegment> segments =
      dense_segments(call, sequence, head, query);
  args.segments = segments.data();
  args.segment_count = static_cast<int64_t>(segments.size());
  args.scale = call.scale;
  args.soft_cap = call.soft_cap;
  args.scratch =
      scratch.at_least(attention_scratch(call.head_dim, table.lanes));
  run_tiles(table, call.dtype, args);
}

// The one query of each head that shares a key head, as a step of decoding
// over keys and values that happen to lie in rows.
void dense_query(const KernelTable& table, const AttentionCall& call,
                 int64_t sequence, int64_t kv_head,
                 std::vector<const void*>& rows, Buffer<float>& scratch) {
  const int64_t group = call.heads / call.kv_heads;
  const int64_t head = kv_head * group;
  const int64_t length =
      call.lengths == nullptr ? call.time_k : call.lengths[sequence];
  // It is the last, and so it sees whatever is ahead.
  const int64_t first =
      call.window > 0 ? std::max<int64_t>(call.time_k - call.window, 0) : 0;
  const int64_t time = std::max<int64_t>(length - first, 0);
  rows.resize(2 * time);
  const float* const k =
      call.k + sequence * call.k_strides.batch + kv_head * call.k_strides.head;
  const float* const v =
      call.v + sequence * call.v_strides.batch + kv_head * call.v_strides.head;
  for (int64_t t = 0; t < time; ++t) {
    rows[t] = k + (first + t) * call.k_strides.time;
    rows[time + t] = v + (first + t) * call.v_strides.time;
  }
  AttentionStepArgs args = {};
  const void* const* const keys = rows.data();
  const void* const* const values = keys + time;
  args.rows = 1;
  args.keys = &keys;
  args.values = &values;
  args.time = time;
  args.kv_heads = 1;
  args.head_dim = call.head_dim;
  args.scale = call.scale;
  args.soft_cap = call.soft_cap;
  args.scratch = scratch.at_least(
      attention_step_scratch(time, group, call.head_dim));
  // Queries and outputs of neighbouring heads need not be neighbours.
  const bool together = call.q_strides.head == call.head_dim &&
                        call.y_strides.head == call.head_dim;
  args.heads = together ? group : 1;
  for (int64_t h = head; h < head + group; h += args.heads) {
    args.q = call.q + sequence * call.q_strides.batch + h * call.q_strides.head;
    args.y = call.y + sequence * call.y_strides.batch + h * call.y_strides.head;
    if (call.bias != nullptr) {
      args.bias = call.bias + sequence * call.bias_strides.batch +
                  h * call.bias_strides.head + first;
      args.bias_stride = call.bias_strides.head;
    }
    table.attention_step(args);
  }
}

// One query would leave most lanes of a tile idle: `attention_step` takes a
// third of the time. A mask, segments and bfloat16 products are for tiles.
bool is_step(const AttentionCall& call) {
  return call.time_q == 1 && call.mask == nullptr && call.segments.empty() &&
         call.dtype == DType::kFloat32;
}

}  // namespace

// int8 has no kernel of its own: softmax's weights, many of them small, would
// lose too much.
void run_tiles(const KernelTable& table, DType dtype,
               const AttentionArgs& args) {
  (dtype == DType::kBFloat16 ? table.attention_bfloat16
                             : table.attention)(args);
}

int64_t tile_queries(const KernelTable& table) {
  return kQueryTiles * 2 * table.lanes;
}

void attention(const KernelTable& table, const AttentionCall& call) {
  check(call.head_dim > 0, "attention", "q has head_dim 0");
  check(call.kv_heads > 0 && call.heads % call.kv_heads == 0, "attention",
        "q's heads are not a multiple of k's");
  if (is_step(call)) {
    const int64_t group = call.heads / call.kv_heads;
    parallel_for(call.batch * call.kv_heads,
                 grain(group * call.time_k * call.head_dim * 2),
                 [&](int64_t begin, int64_t end) {
                   std::vector<const void*> rows;
                   Buffer<float> scratch;
                   for (int64_t task = begin; task < end; ++task) {
                     dense_query(table, call, task / call.kv_heads,
                                 task % call.kv_heads, rows, scratch);
                   }
                 });
    return;
  }
  const int64_t tile = tile_queries(table);
  const int64_t tiles = (call.time_q + tile - 1) / tile;
  const int64_t work =
      std::min(tile, call.time_q) * call.time_k * call.head_dim * 2;
  parallel_for(call.batch * call.heads * tiles, grain(work),
               [&](int64_t begin, int64_t end) {
                 Buffer<float> scratch;
                 for (int64_t task = begin; task < end; ++task) {
                   const int64_t query = task % tiles * tile;
                   const int64_t head = task / tiles % call.heads;
                   const int64_t sequence = task / tiles / call.heads;
                   dense_head(table, call, sequence, head, query,
                              std::min(query + tile, call.time_q), scratch);
                 }
               });
}

}  // namespace pyattn
