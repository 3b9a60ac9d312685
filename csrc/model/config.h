#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace pyattn {

/// Sizes of one of the two stacks.
struct StackConfig {
  int64_t layers, heads, ffn, vocab;
};

/// What a model is; the fields mean what pyattn.checkpoint.ModelConfig says.
struct ModelConfig {
  StackConfig encoder, decoder;
  int64_t dim, max_positions;
  int32_t start, end;
  bool pre_norm, final_norm, embedding_norm, zero_start;
  float norm_epsilon, embedding_scale;
  Activation activation;
};

}  // namespace pyattn
