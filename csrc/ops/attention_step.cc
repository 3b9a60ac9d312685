#include "ops/attention_step.h"

#include <algorithm>
#include <utility>

#include "base/buffer.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// Keys and values of a layer that are sought in memory. Between two steps a
// model's other layers and all its weights pass through the caches: with
// BART-large's, where one source of 512 tokens has 1 MiB a layer, asking ahead
// saves 15 to 23 % of a step. It costs a tenth of the kernel where caches hold
// all.
constexpr int64_t kFarBytes = 256 * 1024;

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

auto step_kernel(const KernelTable& table, DType cache_type) {
  switch (cache_type) {
    case DType::kBFloat16:
      return table.attention_step_bfloat16;
    case DType::kInt8:
      return table.attention_step_int8;
    case DType::kInt4:  // no cache is
    case DType::kInt8Grouped:
    case DType::kFloat32:
      break;
  }
  return table.attention_step;
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
  const auto step = step_kernel(table, call.cache_type);
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
    const float* k_scales[kSharingRows];
    const float* v_scales[kSharingRows];
    for (int64_t i = 0; i < group.rows; ++i) {
      const StepMemory& memory = of[group.row + i];
      const int64_t size = call.kv_heads * memory.time;
      rows[i] = memory.tokens;
      k_scales[i] = memory.scales == nullptr
                        ? nullptr
                        : memory.scales + call.scales * memory.time +
                              part * kv_heads * memory.time;
      v_scales[i] = memory.scales == nullptr ? nullptr : k_scales[i] + size;
    }
    const StepMemory& first = of[group.row];
    const int64_t head = part * heads;
    const int64_t element =
        call.keys * first.together + part * kv_heads * call.head_dim;
    step({.q = q.from(group.row).data + head * call.head_dim,
          .keys = rows,
          .values = rows,
          .k_scales = k_scales,
          .v_scales = v_scales,
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
          .k_offset = element,
          .v_offset = element + call.values * first.together,
          .bias_stride = call.bias_stride,
          .scale_stride = first.time,
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

void store_row(const KernelTable& table, DType cache_type, const float* from,
               int64_t count, void* to) {
  if (cache_type != DType::kBFloat16) {
    std::copy_n(from, count, static_cast<float*>(to));
    return;
  }
  table.prepare({.x = from,
                 .words = {.kind = Words::kBFloat16,
                           .data = to,
                           .scale = nullptr,
                           .zero = nullptr,
                           .stride = (count + 1) / 2},
                 .rows = 1,
                 .dim = count,
                 .x_stride = count});
}

void store(const KernelTable& table, DType cache_type, ConstRows x,
           int64_t count, const std::vector<void*>& tokens, int64_t offset) {
  const int64_t bytes = offset * cache_element_bytes(cache_type);
  parallel_for(static_cast<int64_t>(tokens.size()), grain(count),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   store_row(table, cache_type, x.from(row).data, count,
                             static_cast<char*>(tokens[row]) + bytes);
                 }
               });
}

}  // namespace pyattn
