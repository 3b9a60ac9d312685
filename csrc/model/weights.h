#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "kernels/table.h"
#include "model/config.h"
#include "ops/packed_linear.h"

namespace pyattn {

/// Finds a tensor by its name in pyattn.checkpoint; checks its shape; null if
/// it is absent and `optional`. The data outlives the weights.
using TensorSource = std::function<const float*(
    const std::string& name, const std::vector<int64_t>& shape, bool optional)>;

/// The number type that a product is to be computed in, by the product's name:
/// that of its matrix in pyattn.checkpoint without ".weight", but for
/// projections that share their input and are one product, "query_key_value" in
/// self-attention and "key_value" in cross-attention.
using DTypeSource = std::function<DType(const std::string& product)>;

/// For which level a model's weights are packed, and in which number types.
struct ModelPacking {
  const KernelTable& table;
  DTypeSource dtypes;
};

struct NormWeights {
  Buffer<float> gamma, beta;  // [dim]
};

struct SelfAttentionWeights {
  PackedLinear qkv;     // [dim, 3 * dim]: queries, keys and values at once
  PackedLinear output;  // [dim, dim]
  NormWeights norm;
};

struct CrossAttentionWeights {
  PackedLinear query;      // [dim, dim]
  PackedLinear key_value;  // [dim, 2 * dim]
  PackedLinear output;     // [dim, dim]
  NormWeights norm;
};

struct FeedForwardWeights {
  PackedLinear up;    // [dim, ffn]
  PackedLinear down;  // [ffn, dim]
  NormWeights norm;
};

struct EncoderLayerWeights {
  SelfAttentionWeights self_attention;
  FeedForwardWeights feed_forward;
};

struct DecoderLayerWeights {
  SelfAttentionWeights self_attention;
  CrossAttentionWeights cross_attention;
  FeedForwardWeights feed_forward;
};

/// Rows are read one at a time and stay where the checkpoint has them.
struct EmbeddingWeights {
  const float* tokens;     // [vocab, dim]
  const float* positions;  // [max_positions, dim]
  NormWeights norm;        // of their sum; empty unless config.embedding_norm
};

/// All weights of a model, packed for one level; immutable once made, and
/// shared by every run.
struct ModelWeights {
  ModelWeights(const ModelConfig& config, const ModelPacking& packing,
               const TensorSource& tensors);

  const ModelConfig config;
  const KernelTable& table;
  EmbeddingWeights source_embedding, target_embedding;
  std::vector<EncoderLayerWeights> encoder;
  std::vector<DecoderLayerWeights> decoder;
  NormWeights encoder_norm, decoder_norm;  // empty unless config.final_norm
  PackedLinear output;                     // [dim, vocab]

  /// Bytes of packed weights.
  int64_t bytes() const;
};

}  // namespace pyattn
