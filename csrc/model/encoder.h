#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "model/source.h"
#include "model/weights.h"

namespace pyattn {

/// The encoder's output for every token, [tokens, dim], and perhaps rows behind
/// them that are nobody's.
Buffer<float> encode(const ModelWeights& weights, const Ragged& sources);

/// Computes the keys and values of cross-attention, for all layers, of every
/// token of `encoded` [tokens, dim], and stores them in the token's slot.
void store_sources(const ModelWeights& weights, const float* encoded,
                   const std::vector<void*>& slots);

}  // namespace pyattn
