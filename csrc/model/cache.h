#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "model/weights.h"
#include "ops/attention.h"

namespace pyattn {

/// What a token keeps, [layers][key, value][kv_width]: of a source, the keys
/// and values that cross-attention reads; of a target, those of the decoder's
/// self-attention. These are the offsets of a layer's key and value.
inline int64_t key_offset(const ModelConfig& config, int64_t layer) {
  return 2 * layer * config.decoder.kv_width();
}
inline int64_t value_offset(const ModelConfig& config, int64_t layer) {
  return (2 * layer + 1) * config.decoder.kv_width();
}

/// Of a target, where the decoder has another mixer: its state of a layer
/// behind the token, [layers][dim] floats.
inline float* kept_state(const ModelConfig& config, void* slot, int64_t layer) {
  return static_cast<float*>(slot) + layer * config.dim;
}

/// What keys and values are kept in: bfloat16, unless a product that makes some
/// is to be exact.
DType kept_type(const ModelWeights& weights);
int64_t token_bytes(const ModelWeights& weights);

/// Room for what tokens keep, in equal slots that never move: what a row
/// remembers is a list of pointers, so beams that share a past share its slots,
/// and reordering them copies pointers only.
class TokenPool {
 public:
  /// At most `most` bytes are taken, but always room for one token.
  TokenPool(int64_t bytes_per_token, int64_t most);

  /// Makes sure that the next so many `take`s need no memory of the system.
  /// There must be room.
  void reserve(int64_t tokens);

  /// A slot of [bytes_per_token] bytes, uninitialised. There must be room.
  void* take();
  void give_back(void* slot) { free_.push_back(slot); }

  /// How many more can be taken.
  int64_t room() const { return most_ - used(); }
  int64_t used() const { return made_ - static_cast<int64_t>(free_.size()); }
  int64_t most() const { return most_; }

  /// Gives memory that nobody uses back to the system, if that is all of it
  /// and there is more of it than is worth keeping.
  void trim();

  /// The bytes that a pool takes from the system for so many tokens.
  static int64_t bytes_for(int64_t bytes_per_token, int64_t tokens);

 private:
  void grow();

  const int64_t stride_;
  const int64_t chunk_;  // slots
  const int64_t most_;   // slots
  int64_t made_ = 0;     // slots
  std::vector<Buffer<char>> chunks_;
  std::vector<void*> free_;
};

/// Slots that some tokens have for as long as this lives.
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

/// The pasts of a sentence's rows, as paths in a tree of tokens: rows that have
/// a past in common share it. A token that no row goes on from is given back.
class Pasts {
 public:
  explicit Pasts(TokenPool& pool) : pool_(&pool) {}
  ~Pasts();
  Pasts(Pasts&&) = default;
  Pasts& operator=(Pasts&& other) noexcept;

  /// New rows, the i-th of which goes on from the `parents[i]`-th of the rows
  /// before with a token of its own. At first there is one row, without past.
  void extend(std::span<const int32_t> parents);

  /// The tokens behind a row from the first to its own.
  const std::vector<void*>& of(int64_t row) const { return paths_[row]; }

 private:
  // A token of the tree; `uses` counts the tokens and rows that go on from it.
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
