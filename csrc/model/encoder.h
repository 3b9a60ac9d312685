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

  /// Where what the token keeps starts.
  const void* token(int64_t index) const {
    return data_.data() + index * bytes_;
  }

 private:
  int64_t bytes_;  // of a token
  Buffer<char> data_;
};

/// Offsets of a layer's key and value in what a token keeps.
inline int64_t key_offset(const ModelConfig& config, int64_t layer) {
  return 2 * layer * config.dim;
}
inline int64_t value_offset(const ModelConfig& config, int64_t layer) {
  return (2 * layer + 1) * config.dim;
}

/// Elements of keys and values that a token keeps, for all decoder layers.
inline int64_t token_elements(const ModelConfig& config) {
  return 2 * config.decoder.layers * config.dim;
}

/// What tokens keep: bfloat16, unless a product that makes keys or values is
/// to be exact.
DType kept_type(const ModelWeights& weights);
inline int64_t token_bytes(const ModelWeights& weights) {
  return token_elements(weights.config) * kept_bytes(kept_type(weights));
}

}  // namespace pyattn
