#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/buffer.h"
#include "model/weights.h"
#include "ops/attention_step.h"

namespace pyattn {

/// The slot of a target's token holds [layers][key, value][kv_width], those of
/// the decoder's self-attention. This is the offset of a layer's key.
inline int64_t key_offset(const AttentionSizes& layer) {
  return 2 * layer.kv_heads_before * layer.head_dim;
}

/// The first `time` tokens of a list of slots.
inline StepMemory slots_memory(const void* const* slots, int64_t time) {
  return {slots, time, 1};
}

/// In a decoder with another mixer, a slot holds [layers][dim] floats: a
/// layer's state after the token.
inline float* slot_state(const ModelConfig& config, void* slot, int64_t layer) {
  return static_cast<float*>(slot) + layer * config.dim;
}

/// The type of a target's keys and values: bfloat16, unless a product that
/// computes some of them is in float32.
DType target_type(const ModelWeights& weights);
int64_t token_bytes(const ModelWeights& weights);

/// Slots for tokens, all of one size, that never move. A row's past is a list
/// of pointers to slots, so beams with a common past share its slots, and
/// reordering beams copies pointers only.
///
/// Its limit is of slots and what others set aside together. A chunk of slots
/// is allocated as a whole: of chunks that are partly in use, the rest is
/// memory beyond what is counted.
///
/// Not thread-safe.
class TokenPool {
 public:
  /// At most `max_bytes`, but always one slot.
  TokenPool(int64_t bytes_per_token, int64_t max_bytes);

  /// Allocates memory, so that the next `take`s of so many slots, all of them
  /// available, allocate none.
  void reserve(int64_t slots);

  /// A slot of [bytes_per_token] bytes, uninitialised. One must be available.
  void* take();
  /// Lets one more owner give a slot back before it is free.
  void share(void* slot) { ++shared_[slot]; }
  void give_back(void* slot);

  /// Counts memory that others allocate against the limit, or no longer. So
  /// many bytes must be free; chunks without a slot in use make way for them.
  void set_aside(int64_t bytes);
  void return_bytes(int64_t bytes) { aside_ -= bytes; }

  /// Slots that can be in use at a time, and that are.
  int64_t capacity() const { return limit_ / stride_; }
  int64_t used() const { return made_ - static_cast<int64_t>(free_.size()); }

  /// Bytes of slots that can be taken or set aside.
  int64_t free_bytes() const { return limit_ - aside_ - used() * stride_; }
  int64_t slot_bytes() const { return stride_; }

  /// Returns memory to the system if no slot is in use, and there is more of it
  /// than an idle model should hold.
  void trim();

  /// The bytes that a pool allocates for so many tokens.
  static int64_t bytes_for(int64_t bytes_per_token, int64_t tokens);

 private:
  void grow();
  void release_unused();

  const int64_t stride_;  // bytes
  const int64_t chunk_;   // slots
  const int64_t limit_;   // bytes
  int64_t aside_ = 0;     // bytes
  int64_t made_ = 0;      // slots
  std::vector<Buffer<char>> chunks_;
  std::vector<void*> free_;
  std::unordered_map<void*, int32_t> shared_;  // to the owners beyond the first
};

/// Slots that are taken for as long as this lives.
class Slots {
 public:
  Slots(TokenPool& pool, size_t count);
  ~Slots();
  Slots(Slots&& other) noexcept : pool_(other.pool_) {
    slots_.swap(other.slots_);
  }
  Slots& operator=(Slots&& other) noexcept;

  const std::vector<void*>& all() const { return slots_; }

 private:
  TokenPool* pool_;
  std::vector<void*> slots_;
};

/// The pasts of a sentence's rows, as paths in a tree of tokens: rows share a
/// common past. A token that no row's path contains any more is given back.
/// Sentences with a common beginning may share its slots.
class Pasts {
 public:
  explicit Pasts(TokenPool& pool) : pool_(&pool) {}
  ~Pasts();
  Pasts(Pasts&&) = default;
  Pasts& operator=(Pasts&& other) noexcept;

  /// Makes the one row go on behind the first tokens of another sentence's
  /// rows, which these have in common. Call before `extend`.
  void begin_like(const Pasts& other, int64_t tokens);

  /// Replaces the rows: the i-th continues the `parents[i]`-th of the previous
  /// rows with a new token. At first there is one row, without a past.
  void extend(std::span<const int32_t> parents);

  /// The slots of a row's tokens, from the first to its own.
  const std::vector<void*>& of(int64_t row) const { return paths_[row]; }

 private:
  // A token of the tree; `uses` counts the tokens and rows that continue it.
  struct Node {
    void* slot;
    int32_t parent;
    int32_t uses;
  };
  static constexpr int32_t kRoot = -1;

  void release(int32_t node);

  TokenPool* pool_;
  std::vector<Node> nodes_;
  std::vector<int32_t> unused_;            // nodes
  std::vector<int32_t> leaves_ = {kRoot};  // of each row
  std::vector<std::vector<void*>> paths_ = {{}};
};

}  // namespace pyattn
