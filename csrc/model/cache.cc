#include "model/cache.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace pyattn {
namespace {

// Slots are allocated in chunks of about this size: few allocations, and little
// waste for a single short sentence.
constexpr int64_t kChunkBytes = 2 * 1024 * 1024;

// Chunks that an idle model holds for the next call.
constexpr size_t kKeptChunks = 16;

int64_t chunk_slots(int64_t bytes_per_token) {
  return std::max<int64_t>(kChunkBytes / bytes_per_token, 1);
}

// A decoder without layers stores nothing, but its slots need addresses.
int64_t at_least_a_byte(int64_t bytes_per_token) {
  return std::max<int64_t>(bytes_per_token, 1);
}

}  // namespace

DType target_type(const ModelWeights& weights) {
  for (const DecoderLayerWeights& layer : weights.decoder) {
    if (layer.self_attention.qkv.dtype() == DType::kFloat32) {
      return DType::kFloat32;
    }
  }
  return DType::kBFloat16;
}

int64_t token_bytes(const ModelWeights& weights) {
  const ModelConfig& config = weights.config;
  const StackConfig& stack = config.decoder;
  return config.mixer == Mixer::kAttention
             ? 2 * StackConfig::kv_heads_of(stack.self_attention) *
                   stack.head_dim * cache_element_bytes(target_type(weights))
             : stack.layers * config.dim * static_cast<int64_t>(sizeof(float));
}

TokenPool::TokenPool(int64_t bytes_per_token, int64_t max_bytes)
    : stride_(at_least_a_byte(bytes_per_token)),
      chunk_(chunk_slots(stride_)),
      limit_(std::max(max_bytes, stride_)) {}

int64_t TokenPool::bytes_for(int64_t bytes_per_token, int64_t tokens) {
  const int64_t stride = at_least_a_byte(bytes_per_token);
  const int64_t chunk = chunk_slots(stride);
  return (tokens + chunk - 1) / chunk * chunk * stride;
}

void TokenPool::reserve(int64_t slots) {
  while (static_cast<int64_t>(free_.size()) < slots) {
    grow();
  }
}

void* TokenPool::take() {
  reserve(1);
  void* slot = free_.back();
  free_.pop_back();
  return slot;
}

void TokenPool::give_back(void* slot) {
  if (!shared_.empty()) {
    const auto owners = shared_.find(slot);
    if (owners != shared_.end()) {
      if (--owners->second == 0) {
        shared_.erase(owners);
      }
      return;
    }
  }
  free_.push_back(slot);
}

void TokenPool::grow() {
  const int64_t slots = std::min(chunk_, (limit_ - aside_) / stride_ - made_);
  // If one of these throws, nothing has changed.
  Buffer<char> chunk(slots * stride_);
  free_.reserve(static_cast<size_t>(made_ + slots));
  chunks_.push_back(std::move(chunk));
  made_ += slots;
  // take() takes the last: slots are handed out in the order of addresses.
  for (int64_t slot = slots - 1; slot >= 0; --slot) {
    free_.push_back(chunks_.back().data() + slot * stride_);
  }
}

void TokenPool::set_aside(int64_t bytes) {
  if (aside_ + bytes > limit_ - made_ * stride_) {
    release_unused();
  }
  aside_ += bytes;
}

void TokenPool::release_unused() {
  const auto by_address = [](const Buffer<char>& a, const Buffer<char>& b) {
    return std::less<const char*>()(a.data(), b.data());
  };
  std::sort(chunks_.begin(), chunks_.end(), by_address);
  std::sort(free_.begin(), free_.end(), std::greater<void*>());
  // Free slots in the order of addresses, from the back.
  std::vector<void*> kept;
  std::vector<Buffer<char>> in_use;
  auto slot = free_.rbegin();
  for (Buffer<char>& chunk : chunks_) {
    const char* const end = chunk.data() + chunk.size();
    const auto first = slot;
    while (slot != free_.rend() && std::less<const void*>()(*slot, end)) {
      ++slot;
    }
    const int64_t slots = chunk.size() / stride_;
    if (slot - first == slots) {
      made_ -= slots;
    } else {
      kept.insert(kept.end(), first, slot);
      in_use.push_back(std::move(chunk));
    }
  }
  // take() takes the last.
  std::reverse(kept.begin(), kept.end());
  free_ = std::move(kept);
  chunks_ = std::move(in_use);
}

void TokenPool::trim() {
  if (used() == 0 && chunks_.size() > kKeptChunks) {
    chunks_.clear();
    free_ = {};
    made_ = 0;
  }
}

Slots::Slots(TokenPool& pool, size_t count) : pool_(&pool) {
  slots_.reserve(count);
  pool.reserve(static_cast<int64_t>(count));
  while (slots_.size() < count) {
    slots_.push_back(pool.take());
  }
}

Slots::~Slots() {
  for (void* slot : slots_) {
    pool_->give_back(slot);
  }
}

Slots& Slots::operator=(Slots&& other) noexcept {
  std::swap(pool_, other.pool_);
  slots_.swap(other.slots_);
  return *this;
}

void Pasts::begin_like(const Pasts& other, int64_t tokens) {
  for (int64_t t = 0; t < tokens; ++t) {
    void* const slot = other.paths_.front()[t];
    pool_->share(slot);
    nodes_.push_back({slot, leaves_.front(), 1});
    leaves_.front() = static_cast<int32_t>(nodes_.size()) - 1;
    paths_.front().push_back(slot);
  }
}

void Pasts::extend(std::span<const int32_t> parents) {
  std::vector<int32_t> leaves;
  std::vector<std::vector<void*>> paths;
  for (const int32_t parent : parents) {
    const int32_t from = leaves_[parent];
    void* const slot = pool_->take();
    if (unused_.empty()) {
      unused_.push_back(static_cast<int32_t>(nodes_.size()));
      nodes_.push_back({});
    }
    const int32_t node = unused_.back();
    unused_.pop_back();
    nodes_[node] = {slot, from, 1};
    if (from != kRoot) {
      ++nodes_[from].uses;
    }
    leaves.push_back(node);
    // The last row with this parent takes over its list.
    const bool shared = std::find(parents.begin() + leaves.size(),
                                  parents.end(), parent) != parents.end();
    paths.push_back(shared ? paths_[parent] : std::move(paths_[parent]));
    paths.back().push_back(slot);
  }
  for (const int32_t leaf : leaves_) {
    release(leaf);
  }
  leaves_ = std::move(leaves);
  paths_ = std::move(paths);
}

// Removes one use of a token, and gives back what is not used any more.
void Pasts::release(int32_t node) {
  while (node != kRoot && --nodes_[node].uses == 0) {
    pool_->give_back(nodes_[node].slot);
    unused_.push_back(node);
    node = nodes_[node].parent;
  }
}

Pasts::~Pasts() {
  for (const int32_t leaf : leaves_) {
    release(leaf);
  }
}

Pasts& Pasts::operator=(Pasts&& other) noexcept {
  std::swap(pool_, other.pool_);
  nodes_.swap(other.nodes_);
  unused_.swap(other.unused_);
  leaves_.swap(other.leaves_);
  paths_.swap(other.paths_);
  return *this;
}

}  // namespace pyattn
