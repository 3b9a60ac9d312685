#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "model/alignment.h"
#include "model/weights.h"
#include "ops/attention.h"

namespace pyattn {

/// One row of a decoding step: a token and everything that it sees.
struct DecoderRow {
  int32_t token;
  int32_t position;
  void* slot;         // takes what the token keeps
  StepMemory past;    // earlier tokens and, last, this one
  StepMemory source;  // the cross memory of the row's sentence
  /// Heads whose attention to the source is told; null: none. At least one.
  const AlignmentHeads* alignment_heads = nullptr;
};

/// What a step of the decoder makes of its rows.
struct Decoded {
  Buffer<float>
      states;  // [rows, dim], ready for the projection to the vocabulary
  Alignments alignments;
};

/// One step of the decoder. Rows may be of any sentences, at any positions, but
/// those of a sentence are neighbours; several may be consecutive tokens, in
/// their order, since what a row keeps is written before a later one reads it.
Decoded decode(const ModelWeights& weights,
               const std::vector<DecoderRow>& rows);

}  // namespace pyattn
