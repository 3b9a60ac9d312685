#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "model/weights.h"
#include "ops/ragged_attention.h"

namespace pyattn {

/// Sequences of ids, concatenated without padding.
struct Ragged {
  std::vector<int32_t> ids;
  std::vector<int32_t> types;  // of each id; empty: all are of type 0
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

/// Computes the keys and values of cross-attention, for all layers, of every
/// token of `encoded` [tokens, dim], and stores them in the token's slot.
void store_sources(const ModelWeights& weights, const float* encoded,
                   const std::vector<void*>& slots);

}  // namespace pyattn
