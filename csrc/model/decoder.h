#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "model/alignment.h"
#include "model/weights.h"
#include "ops/attention_step.h"

namespace pyattn {

/// One row of a decoding step: a token and all that it attends to.
struct DecoderRow {
  int32_t token;
  int32_t position;
  void* slot;         // for the token's keys and values
  StepMemory past;    // earlier tokens and, last, this one
  StepMemory source;  // the tokens of the sentence's source; none: no encoder
  /// Heads whose attention to the source is wanted, at least one; null: none.
  const AlignmentHeads* alignment_heads = nullptr;
};

/// The result of a step.
struct Decoded {
  Buffer<float>
      states;  // [rows, dim], ready for the projection to the vocabulary
  Alignments alignments;
};

/// One step of the decoder. Rows may be of any sentences, at any positions, but
/// those of a sentence are neighbours. Some may be consecutive tokens of one
/// target, in their order: a row's keys and values are stored before any row
/// reads them.
Decoded decode(const ModelWeights& weights,
               const std::vector<DecoderRow>& rows);

}  // namespace pyattn
