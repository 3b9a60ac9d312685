#include "ops/attention_step.h"

#include <algorithm>
#include <utility>

#include "base/buffer.h"
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

// The fewest parts of equal size, which heads can be divided into, that give
// every thread some of `rows` rows.
int64_t parts_of(int64_t heads, int64_t rows) {
  int64_t parts = 1;
  while (parts < heads &&
         (rows * parts < parallel_width() || heads % parts != 0)) {
    ++parts;
  }
  return parts;
}

}  // namespace

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
  // Few rows that have much to read are shared by heads.
  const int64_t count = static_cast<int64_t>(groups.size());
  const bool shared = grain(longest * call.heads * call.head_dim * 2) == 1;
  const int64_t parts = shared ? parts_of(call.kv_heads, count) : 1;
  const int64_t kv_heads = call.kv_heads / parts;
  const int64_t heads = call.heads / parts;
  const int64_t work = longest * heads * call.head_dim * 2;
  const auto run = [&](const StepGroup& group, int64_t part, float* scratch) {
    const void* const* rows[kSharingRows];
    for (int64_t i = 0; i < group.rows; ++i) {
      rows[i] = of[group.row + i].tokens;
    }
    const StepMemory& first = of[group.row];
    const int64_t head = part * heads;
    const int64_t element = part * kv_heads * call.head_dim;
    step({.q = q.from(group.row).data + head * call.head_dim,
          .keys = rows,
          .values = rows,
          .bias = first.bias == nullptr ? nullptr
                                        : first.bias + head * call.bias_stride,
          .y = y.from(group.row).data + head * call.head_dim,
          .scratch = scratch,
          .rows = group.rows,
          .time = first.time,
          .shared = group.shared,
          .heads = heads,
          .kv_heads = kv_heads,
          .head_dim = call.head_dim,
          .q_stride = q.stride,
          .y_stride = y.stride,
          .k_offset = call.k_offset + element,
          .v_offset = call.v_offset + element,
          .bias_stride = call.bias_stride,
          .scale = call.scale,
          .soft_cap = call.soft_cap,
          .far = bytes >= kFarBytes});
  };
  const int64_t scratch_size =
      attention_step_scratch(longest, heads, call.head_dim);
  parallel_for(count * parts, grain(work), [&](int64_t begin, int64_t end) {
    Buffer<float> scratch(kSharingRows * scratch_size);
    for (int64_t i = begin; i < end; ++i) {
      run(groups[i / parts], i % parts, scratch.data());
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
