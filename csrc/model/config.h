#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"

namespace pyattn {

/// Sizes of an attention of one layer.
struct AttentionSizes {
  int64_t heads, kv_heads, head_dim;
  /// Heads of keys in the same attention of all earlier layers.
  int64_t kv_heads_before;

  int64_t width() const { return heads * head_dim; }
  int64_t kv_width() const { return kv_heads * head_dim; }
};

/// Sizes of one of the two stacks. `heads` and `kv_heads` are those of a layer
/// that nothing was cut from.
struct StackConfig {
  int64_t layers, heads, kv_heads, head_dim, vocab;
  /// Of each layer; a decoder that stands alone has no use for the second.
  std::vector<AttentionSizes> self_attention, cross_attention;
  std::vector<int64_t> ffn;
  float attention_scale;
  /// Of each layer: how many positions self-attention reaches to either side,
  /// its own among them; 0 is all.
  std::vector<int64_t> windows;
  int64_t max_positions;

  /// Heads of keys of all layers.
  static int64_t kv_heads_of(const std::vector<AttentionSizes>& layers) {
    return layers.empty()
               ? 0
               : layers.back().kv_heads_before + layers.back().kv_heads;
  }
};

/// A head of a decoder layer's cross-attention.
struct AlignmentHead {
  int32_t layer, head;
};
using AlignmentHeads = std::vector<AlignmentHead>;

/// On which sides of a sub-layer a norm stands.
enum class NormSide { kPost, kPre, kBoth };
enum class NormKind { kLayer, kRms };

/// How tokens know where they stand: by what is added to their embeddings, by
/// what is added to the scores of self-attention, or by how its queries and
/// keys are turned. MPNet has the first two at once.
enum class Positions { kAdded, kRelative, kAddedAndRelative, kRotary };

/// What a token of the encoder sees beside its window, or in its place.
enum class Pattern { kWindows, kTokens, kAggregates, kBlocks, kStates };

struct EncoderPattern {
  Pattern kind;
  int64_t block, random_blocks, states;  // 0 where there are none
  bool staggered;
};

/// What mixes a decoder's tokens.
enum class Mixer { kAttention, kSsru, kAverage };

/// What a model is; the fields mean what pyattn.model_config.ModelConfig says.
struct ModelConfig {
  StackConfig encoder, decoder;
  EncoderPattern pattern;
  int64_t dim;
  int64_t token_types;  // kinds of source tokens; 0 is none
  int32_t start, end;
  NormSide norm;
  NormKind norm_kind;
  bool first_norm, final_norm, embedding_norm, zero_start;
  bool gated;
  bool query_key_norm;
  float norm_epsilon, embedding_scale, logits_scale, logits_soft_cap;
  float attention_soft_cap;
  Activation activation;
  Positions positions;
  bool rotary_local;  // layers with a window have a rotation of their own
  bool relative_per_layer;
  Mixer mixer;
  int64_t average_ffn;
  Activation average_activation;
  bool average_gates;

  bool adds_positions() const {
    return positions == Positions::kAdded ||
           positions == Positions::kAddedAndRelative;
  }
  bool has_relative_bias() const {
    return positions == Positions::kRelative ||
           positions == Positions::kAddedAndRelative;
  }
  /// A model without one is a decoder that stands alone: its source is a
  /// prompt, with which its target begins.
  bool has_encoder() const { return encoder.vocab > 0; }
  /// A model without one is an encoder that stands alone.
  bool has_decoder() const { return decoder.vocab > 0; }
  /// The stack that reads sources.
  const StackConfig& reader() const {
    return has_encoder() ? encoder : decoder;
  }
};

/// Throws ArgumentError for a config that the core cannot compute with. Python
/// has checked it with better messages; what is checked here keeps the core's
/// own arithmetic safe: divisions, shapes and lookups.
void check_config(const ModelConfig& config);

}  // namespace pyattn
