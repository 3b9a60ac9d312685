#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "kernels/table.h"
#include "model/config.h"
#include "ops/packed_linear.h"
#include "ops/rotary.h"
#include "ops/stored.h"
#include "ops/vocabulary.h"
#include "ops/vocabulary_search.h"

namespace pyattn {

/// Finds a vector or a table by its name in pyattn.checkpoint and checks its
/// shape. The data outlives the weights. Positions that a checkpoint does not
/// hold are tensors as well: those that are computed have the name of the
/// learned ones, and there are {encoder,decoder}.relative_table or, by layer,
/// {encoder,decoder}.layers.N.relative_table (RelativeBias), and
/// {rotary,rotary_local}.{cos,sin} (Rotation).
using FloatSource = std::function<const float*(
    const std::string& name, const std::vector<int64_t>& shape)>;

/// Finds the matrices of a product by its name in pyattn.blocks, which says
/// what their order is, or the one matrix of an embedding. They come as they
/// are stored, each with its bias if it has one; checks that they are
/// [rows[i], columns].
using MatrixSource = std::function<std::vector<LinearPart>(
    const std::string& name, const std::vector<int64_t>& rows,
    int64_t columns)>;

struct TensorSource {
  FloatSource floats;
  MatrixSource matrices;
};

/// The number type that a product is computed in, by its name.
using DTypeSource = std::function<DType(const std::string& product)>;

/// For which level a model's weights are packed, in which number types, and
/// where.
struct ModelPacking {
  const KernelTable& table;
  DTypeSource dtypes;
  JobRunner run = run_here;
};

struct NormWeights {
  Buffer<float> gamma, beta;  // [dim]; RMS norm has no beta

  bool empty() const { return gamma.size() == 0; }
};

/// The norms of a sub-layer: `after` only where norms stand on both sides,
/// `states` in the place of `norm` for rows that are an encoder's states, and
/// `norm` unless it would stand before the first one (config.first_norm).
struct BlockNorms {
  NormWeights norm, after, states;
};

/// What only some encoders have is empty elsewhere: the products of global
/// tokens, and the norm of aggregates.
struct SelfAttentionWeights {
  Buffer<float> query_norm, key_norm;  // [head_dim], if config.query_key_norm
  PackedLinear qkv;               // [dim, width + 2 * kv_width], all at once
  PackedLinear global_query;      // [dim, width]
  PackedLinear global_key_value;  // [dim, 2 * kv_width]
  PackedLinear output;            // [width, dim]
  BlockNorms norms;
  NormWeights aggregate_norm;
};

struct CrossAttentionWeights {
  PackedLinear query;      // [dim, width]
  PackedLinear key_value;  // [dim, 2 * kv_width]
  PackedLinear output;     // [width, dim]
  BlockNorms norms;
};

struct FeedForwardWeights {
  PackedLinear up;    // [dim, ffn], with the gate where there is one
  PackedLinear down;  // [ffn, dim]
  BlockNorms norms;
};

/// The simpler simple recurrent unit.
struct SsruWeights {
  PackedLinear input_forget;  // [dim, 2 * dim]
  BlockNorms norms;
};

/// Average attention. What the model does not have is empty.
struct AverageWeights {
  PackedLinear up;                       // [dim, average_ffn]
  PackedLinear down;                     // [average_ffn, dim]
  PackedLinear input_gate, forget_gate;  // [dim, dim]
  BlockNorms norms;
};

struct EncoderLayerWeights {
  SelfAttentionWeights self_attention;
  FeedForwardWeights feed_forward;
};

/// Of the three mixers one is there, by the config.
struct DecoderLayerWeights {
  SelfAttentionWeights self_attention;
  SsruWeights ssru;
  AverageWeights average;
  CrossAttentionWeights cross_attention;
  FeedForwardWeights feed_forward;
};

/// Rows are read one at a time and stay where the checkpoint has them.
struct EmbeddingWeights {
  StoredMatrix tokens;               // [vocab, dim]
  const float* positions = nullptr;  // [max_positions, dim], or null
  Buffer<float> types;  // [token_types, dim]; empty unless config has some
  NormWeights norm;     // of their sum; empty unless config.embedding_norm
};

/// What is added to the scores of self-attention by the distance of key and
/// query; empty unless config.positions says so.
struct RelativeBias {
  /// One for all layers, or one for each. Of the encoder [heads, 2 *
  /// max_positions - 1], by key - query from -(max_positions - 1) on; of the
  /// decoder [heads, max_positions], from the farthest key to the query's own.
  /// max_positions are the stack's.
  std::vector<Buffer<float>> tables;
  int64_t stride = 0;  // of a head

  const float* of(int64_t layer) const {
    return tables.empty() ? nullptr
                          : tables[tables.size() == 1 ? 0 : layer].data();
  }
};

/// A search of the vocabulary that a model gets later, if at all. Thread-safe.
class SearchSlot {
 public:
  const VocabularySearch* get() const {
    return search_.load(std::memory_order_acquire);
  }
  /// Call once.
  void set(std::unique_ptr<const VocabularySearch> search) {
    owner_ = std::move(search);
    search_.store(owner_.get(), std::memory_order_release);
  }

 private:
  std::unique_ptr<const VocabularySearch> owner_;
  std::atomic<const VocabularySearch*> search_{nullptr};
};

/// All weights of a model, packed for one level; immutable once made, but for
/// the search of the vocabulary, and shared by every run. Without a decoder,
/// all that is of it is empty.
struct ModelWeights {
  ModelWeights(const ModelConfig& config, const ModelPacking& packing,
               const TensorSource& tensors);

  const ModelConfig config;
  const KernelTable& table;
  EmbeddingWeights source_embedding, target_embedding;
  RelativeBias encoder_bias, decoder_bias;
  RelativeBias aggregate_bias;  // by distance in blocks, like encoder_bias
  Buffer<float> states;         // [states, dim], of Pattern::kStates
  Rotation rotation;            // empty unless config.positions says so
  Rotation local_rotation;      // of layers with a window; empty: the same
  std::vector<EncoderLayerWeights> encoder;
  std::vector<DecoderLayerWeights> decoder;
  NormWeights encoder_norm, decoder_norm;  // empty unless config.final_norm
  PackedLinear output;                     // [dim, vocab]
  /// [vocab, dim]: what it was packed from, if an embedding keeps that in
  /// memory; else empty.
  StoredMatrix output_rows;
  SearchSlot search;  // of `output`

  /// How queries and keys of a layer are turned.
  const Rotation& rotation_of(const StackConfig& stack, int64_t layer) const {
    return stack.windows[layer] > 0 && local_rotation.head_dim > 0
               ? local_rotation
               : rotation;
  }

  /// What a decoder's output is projected to: those columns of the output; null
  /// is all.
  Vocabulary vocabulary(const Selection* selection) const {
    return {output, selection, config.logits_soft_cap,
            selection == nullptr ? search.get() : nullptr};
  }

  /// Bytes of packed weights.
  int64_t bytes() const {
    return bytes_ + (search.get() == nullptr ? 0 : search.get()->bytes());
  }

 private:
  int64_t bytes_ = 0;
};

}  // namespace pyattn
