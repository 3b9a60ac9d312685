#pragma once

#include "base/buffer.h"
#include "model/source.h"
#include "model/weights.h"

namespace pyattn {

/// The encoder's output for every token, [tokens, dim], and perhaps rows behind
/// them that are nobody's.
Buffer<float> encode(const ModelWeights& weights, const Ragged& sources);

}  // namespace pyattn
