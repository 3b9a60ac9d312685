#pragma once

#include <cstdint>
#include <vector>

#include "model/sublayer.h"
#include "model/weights.h"
#include "ops/attention.h"

namespace pyattn {

/// One row of a decoding step: a token and everything that it sees.
struct DecoderRow {
  int32_t token;
  int32_t position;
  void* slot;         // takes the token's own keys and values
  StepMemory past;    // earlier tokens and, last, this one
  StepMemory source;  // the cross memory of the row's sentence
};

/// One step of the decoder: the output for every row, [rows, dim], ready for
/// the projection to the vocabulary. Rows may be of any sentences, at any
/// positions; several rows of one call may be consecutive tokens of the same
/// sentence, since every row's keys and values are written before any is read.
Buffer<float> decode(const ModelWeights& weights,
                     const std::vector<DecoderRow>& rows);

}  // namespace pyattn
