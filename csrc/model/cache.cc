#include "model/cache.h"

#include <algorithm>
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
int64_t slot_bytes(int64_t bytes_per_token) {
  return std::max<int64_t>(bytes_per_token, 1);
}

}  // namespace

DType cache_type(const ModelWeights& weights) {
  const bool attends = weights.config.mixer == Mixer::kAttention;
  for (const DecoderLayerWeights& layer : weights.decoder) {
    if ((attends && layer.self_attention.qkv.dtype() == DType::kFloat32) ||
        layer.cross_attention.key_value.dtype() == DType::kFloat32) {
      return DType::kFloat32;
    }
  }
  return DType::kBFloat16;
}

int64_t token_bytes(const ModelWeights& weights) {
  const ModelConfig& config = weights.config;
  const int64_t attended =
      2 * config.decoder.kv_width() * cache_element_bytes(cache_type(weights));
  const int64_t state =
      config.mixer == Mixer::kAttention ? 0 : config.dim * sizeof(float);
  return config.decoder.layers * std::max(attended, state);
}

TokenPool::TokenPool(int64_t bytes_per_token, int64_t max_bytes)
    : stride_(slot_bytes(bytes_per_token)),
      chunk_(chunk_slots(stride_)),
      capacity_(std::max<int64_t>(max_bytes / stride_, 1)) {}

int64_t TokenPool::bytes_for(int64_t bytes_per_token, int64_t tokens) {
  const int64_t stride = slot_bytes(bytes_per_token);
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

void TokenPool::grow() {
  const int64_t slots = std::min(chunk_, capacity_ - made_);
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
