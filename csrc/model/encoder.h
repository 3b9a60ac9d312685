#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "model/weights.h"
#include "ops/attention.h"

namespace pyattn {

/// Sequences of ids one behind the other, without padding.
struct Ragged {
  std::vector<int32_t> ids;
  Starts starts = {0};

  void add(const std::vector<int32_t>& sequence) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    starts.push_back(static_cast<int64_t>(ids.size()));
  }
  int64_t sequences() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t tokens() const { return starts.back(); }
};

/// The encoder's output for every token, [tokens, dim].
Buffer<float> encode(const ModelWeights& weights, const Ragged& sources);

/// What cross-attention reads: keys and values of some sources' tokens for
/// every layer, computed once. Each token has [layers][key, value][dim].
class CrossMemory {
 public:
  /// From the encoder's output, [tokens, dim].
  CrossMemory(const ModelWeights& weights, const float* encoded,
              int64_t tokens);

  /// Where the token's floats start.
  const float* token(int64_t index) const {
    return data_.data() + index * stride_;
  }

 private:
  int64_t stride_;
  Buffer<float> data_;
};

/// Offsets of a layer's key and value in what a token keeps.
inline int64_t key_offset(const ModelConfig& config, int64_t layer) {
  return 2 * layer * config.dim;
}
inline int64_t value_offset(const ModelConfig& config, int64_t layer) {
  return (2 * layer + 1) * config.dim;
}

/// Floats of keys and values that a token keeps, for all decoder layers.
inline int64_t token_floats(const ModelConfig& config) {
  return 2 * config.decoder.layers * config.dim;
}

}  // namespace pyattn
