#include "ops/attention.h"

#include <algorithm>
#include <cmath>

#include "base/buffer.h"
#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// Multiply-adds that are worth a thread.
constexpr int64_t kWorkPerThread = 64 * 1024;

int64_t grain(int64_t work_per_task) {
  return kWorkPerThread / std::max<int64_t>(work_per_task, 1) + 1;
}

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

}  // namespace

void attention(const KernelTable& table, const AttentionCall& call) {
  check(call.head_dim > 0, "attention", "q has head_dim 0");
  check(call.kv_heads > 0 && call.heads % call.kv_heads == 0, "attention",
        "q's heads are not a multiple of k's");
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

void ragged_self_attention(const KernelTable& table, ConstRows qkv,
                           const Starts& starts, int64_t heads, int64_t dim,
                           DType dtype, Rows y) {
  const auto run = run_tiles(table, dtype);
  const int64_t head_dim = dim / heads;
  const int64_t sequences = static_cast<int64_t>(starts.size()) - 1;
  const int64_t tokens = starts.back();
  const int64_t longest = tokens / std::max<int64_t>(sequences, 1);
  parallel_for(
      sequences * heads, grain(longest * longest * head_dim * 2),
      [&](int64_t begin, int64_t end) {
        Buffer<float> scratch(attention_scratch(head_dim, table.lanes));
        for (int64_t task = begin; task < end; ++task) {
          const int64_t first = starts[task / heads];
          const int64_t head = task % heads;
          AttentionArgs args = {};
          args.q = qkv.data + first * qkv.stride + head * head_dim;
          args.k = args.q + dim;
          args.v = args.q + 2 * dim;
          args.y = y.data + first * y.stride + head * head_dim;
          args.scratch = scratch.data();
          args.time_q = starts[task / heads + 1] - first;
          args.time_k = args.time_q;
          args.head_dim = head_dim;
          args.q_stride = args.k_stride = args.v_stride = qkv.stride;
          args.y_stride = y.stride;
          args.first = -args.time_q;
          args.last = args.time_k;
          args.scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
          run(args);
        }
      });
}

void attention_step(const KernelTable& table, const StepCall& call, ConstRows q,
                    const std::vector<StepMemory>& memories, Rows y) {
  const auto step = call.kept == DType::kBFloat16
                        ? table.attention_step_bfloat16
                        : table.attention_step;
  const int64_t rows = static_cast<int64_t>(memories.size());
  int64_t longest = 0;
  for (const StepMemory& memory : memories) {
    longest = std::max(longest, memory.time);
  }
  const int64_t work = longest * call.heads * call.head_dim * 2;
  parallel_for(rows, grain(work), [&](int64_t begin, int64_t end) {
    Buffer<float> weights(call.heads *
                          attention_step_stride(longest, table.lanes));
    for (int64_t row = begin; row < end; ++row) {
      step({.q = q.data + row * q.stride,
            .tokens = memories[row].tokens,
            .bias = memories[row].bias,
            .y = y.data + row * y.stride,
            .weights = weights.data(),
            .time = memories[row].time,
            .heads = call.heads,
            .kv_heads = call.kv_heads,
            .head_dim = call.head_dim,
            .k_offset = call.k_offset,
            .v_offset = call.v_offset,
            .bias_stride = call.bias_stride,
            .weights_stride =
                attention_step_stride(memories[row].time, table.lanes),
            .scale = call.scale,
            .soft_cap = call.soft_cap});
    }
  });
}

void keep(const KernelTable& table, DType kept, ConstRows x, int64_t count,
          const std::vector<void*>& tokens, int64_t offset) {
  const auto keep_row = [&](int64_t row) {
    const float* from = x.data + row * x.stride;
    void* const token = tokens[row];
    if (kept == DType::kBFloat16) {
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
                   keep_row(row);
                 }
               });
}

}  // namespace pyattn
