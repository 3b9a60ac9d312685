#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"

namespace pyattn {

/// Room for the keys and values of decoded tokens, in equal slots that never
/// move: what a beam remembers is a list of pointers, so beams that share a
/// past share its slots, and reordering them copies pointers only.
class TokenPool {
 public:
  /// A decoder without layers keeps nothing, but its slots are slots.
  explicit TokenPool(int64_t bytes_per_token)
      : stride_(bytes_per_token > 0 ? bytes_per_token : 1) {}

  /// A slot of [bytes_per_token] bytes, uninitialised.
  void* take() {
    if (free_.empty()) {
      grow();
    }
    void* slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void give_back(const std::vector<void*>& slots) {
    free_.insert(free_.end(), slots.begin(), slots.end());
  }

 private:
  // Slots are made by chunks of about this size: few enough allocations, and
  // little too much for a single short sentence.
  static constexpr int64_t kChunkBytes = 2 * 1024 * 1024;

  void grow() {
    const int64_t slots = kChunkBytes / stride_ > 0 ? kChunkBytes / stride_ : 1;
    chunks_.emplace_back(slots * stride_);
    // The last is taken first: slots are handed out in the order of memory.
    for (int64_t slot = slots - 1; slot >= 0; --slot) {
      free_.push_back(chunks_.back().data() + slot * stride_);
    }
  }

  const int64_t stride_;
  std::vector<Buffer<char>> chunks_;
  std::vector<void*> free_;
};

}  // namespace pyattn
