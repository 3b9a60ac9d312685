#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/buffer.h"
#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// What a step of decoding must read for its keys and values to be sought in
// memory: a model's layers each read as much, and few caches hold ten times
// this. Asking ahead costs a tenth where they do.
constexpr int64_t kFarBytes = 6 * 1024 * 1024;

// Rows that read what they share together. More would read it less often, but
// their queries and outputs would not stay in L1.
constexpr int64_t kSharingRows = 4;

// The tiled kernel of a number type. int8 has none of its own: softmax's
// weights, many of them small, would lose too much.
auto run_tiles(const KernelTable& table, DType dtype) {
  return dtype == DType::kBFloat16 ? table.attention_bfloat16 : table.attention;
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
  args.last = call.causal ? position : call.time_k;
  args.scale = call.scale;
  args.soft_cap = call.soft_cap;
  args.scratch =
      scratch.at_least(attention_scratch(call.head_dim, table.lanes));
  run_tiles(table, call.dtype)(args);
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
      attention_step_scratch(time, group, call.head_dim, table.lanes));
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
// third of the time. A mask and bfloat16 products are for tiles.
bool is_step(const AttentionCall& call) {
  return call.time_q == 1 && call.mask == nullptr &&
         call.dtype == DType::kFloat32;
}

int64_t shared_tokens(const StepMemory& a, const StepMemory& b) {
  return a.tokens == b.tokens
             ? a.time
             : std::mismatch(a.tokens, a.tokens + a.time, b.tokens).first -
                   a.tokens;
}

// Adds a row to those before it if that leaves them half of their tokens in
// common.
bool joins(StepGroup& group, const StepMemory& first, const StepMemory& row) {
  if (first.time != row.time || first.bias != row.bias) {
    return false;
  }
  const int64_t shared = std::min(group.shared, shared_tokens(first, row));
  if (2 * shared < row.time) {
    return false;
  }
  group.shared = shared;
  ++group.rows;
  return true;
}

}  // namespace

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
  // Queries are split where the kernel's own tiles end, so that how the work
  // is shared out says nothing about the sums.
  const int64_t tile = kQueryTiles * 2 * table.lanes;
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

void ragged_self_attention(const KernelTable& table, const Starts& starts,
                           const RaggedCall& call) {
  const auto run = run_tiles(table, call.dtype);
  const int64_t sequences = static_cast<int64_t>(starts.size()) - 1;
  const int64_t longest = starts.back() / std::max<int64_t>(sequences, 1);
  const int64_t group = call.heads / call.kv_heads;
  const auto head_of = [&](int64_t first, int64_t time, int64_t head,
                           float* scratch) {
    const float* const token = call.qkv.from(first).data;
    AttentionArgs args = {};
    args.q = token + head * call.head_dim;
    args.k = token + (call.heads + head / group) * call.head_dim;
    args.v = args.k + call.kv_heads * call.head_dim;
    args.y = call.y.from(first).data + head * call.head_dim;
    args.scratch = scratch;
    args.time_q = args.time_k = time;
    args.head_dim = call.head_dim;
    args.q_stride = args.k_stride = args.v_stride = call.qkv.stride;
    args.y_stride = call.y.stride;
    args.first = call.window > 0 ? 1 - call.window : -time;
    args.last = call.window > 0 ? call.window - 1 : time;
    args.scale = call.scale;
    args.soft_cap = call.soft_cap;
    if (call.bias != nullptr) {
      // Each query sees the same row of the table, one element further on.
      args.bias = call.bias + head * call.bias_stride + call.bias_middle;
      args.bias_stride = -1;
    }
    run(args);
  };
  parallel_for(
      sequences * call.heads, grain(longest * longest * call.head_dim * 2),
      [&](int64_t begin, int64_t end) {
        Buffer<float> scratch(attention_scratch(call.head_dim, table.lanes));
        for (int64_t task = begin; task < end; ++task) {
          const int64_t first = starts[task / call.heads];
          head_of(first, starts[task / call.heads + 1] - first,
                  task % call.heads, scratch.data());
        }
      });
}

// Not so many rows are together that a thread would have none. A row's bits are
// the same in any company.
StepMemories::StepMemories(std::vector<StepMemory> rows)
    : rows_(std::move(rows)) {
  const int64_t count = static_cast<int64_t>(rows_.size());
  const int64_t most =
      std::clamp<int64_t>(count / parallel_width(), 1, kSharingRows);
  for (int64_t row = 0; row < count; ++row) {
    if (groups_.empty() || groups_.back().rows == most ||
        !joins(groups_.back(), rows_[groups_.back().row], rows_[row])) {
      groups_.push_back({row, 1, rows_[row].time});
    }
  }
}

void attention_step(const KernelTable& table, const StepCall& call, ConstRows q,
                    const StepMemories& memories, Rows y) {
  const auto step = call.cache_type == DType::kBFloat16
                        ? table.attention_step_bfloat16
                        : table.attention_step;
  const std::vector<StepMemory>& of = memories.rows();
  const std::vector<StepGroup>& groups = memories.groups();
  int64_t longest = 0;
  int64_t tokens = 0;
  for (const StepGroup& group : groups) {
    const int64_t time = of[group.row].time;
    longest = std::max(longest, time);
    tokens += group.shared + group.rows * (time - group.shared);
  }
  const int64_t bytes = 2 * tokens * call.kv_heads * call.head_dim *
                        cache_element_bytes(call.cache_type);
  const int64_t work = longest * call.heads * call.head_dim * 2;
  const auto run = [&](const StepGroup& group, float* scratch) {
    const void* const* rows[kSharingRows];
    for (int64_t i = 0; i < group.rows; ++i) {
      rows[i] = of[group.row + i].tokens;
    }
    const StepMemory& first = of[group.row];
    step({.q = q.data + group.row * q.stride,
          .keys = rows,
          .values = rows,
          .bias = first.bias,
          .y = y.data + group.row * y.stride,
          .scratch = scratch,
          .rows = group.rows,
          .time = first.time,
          .shared = group.shared,
          .heads = call.heads,
          .kv_heads = call.kv_heads,
          .head_dim = call.head_dim,
          .q_stride = q.stride,
          .y_stride = y.stride,
          .k_offset = call.k_offset,
          .v_offset = call.v_offset,
          .bias_stride = call.bias_stride,
          .scale = call.scale,
          .soft_cap = call.soft_cap,
          .far = bytes >= kFarBytes});
  };
  const int64_t scratch_size =
      attention_step_scratch(longest, call.heads, call.head_dim, table.lanes);
  parallel_for(static_cast<int64_t>(groups.size()), grain(work),
               [&](int64_t begin, int64_t end) {
                 Buffer<float> scratch(kSharingRows * scratch_size);
                 for (int64_t i = begin; i < end; ++i) {
                   run(groups[i], scratch.data());
                 }
               });
}

void store(const KernelTable& table, DType cache_type, ConstRows x,
           int64_t count, const std::vector<void*>& tokens, int64_t offset) {
  const auto store_row = [&](int64_t row) {
    const float* from = x.data + row * x.stride;
    void* const token = tokens[row];
    if (cache_type == DType::kBFloat16) {
      table.prepare({.x = from,
                     .words = {.kind = Words::kBFloat16,
                               .data = static_cast<uint16_t*>(token) + offset,
                               .scale = nullptr,
                               .zero = nullptr,
                               .stride = count / 2},
                     .rows = 1,
                     .dim = count,
                     .x_stride = count});
    } else {
      std::copy_n(from, count, static_cast<float*>(token) + offset);
    }
  };
  parallel_for(static_cast<int64_t>(tokens.size()), grain(count),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   store_row(row);
                 }
               });
}

}  // namespace pyattn
