#include "model/weights.h"

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace pyattn {
namespace {

// Where a block stands in its stack.
enum class Place { kFirst, kLater };

// That of the first block of a layer.
Place place_of(int64_t layer) {
  return layer == 0 ? Place::kFirst : Place::kLater;
}

// Packs the tensors of one checkpoint, in the order of the calls: the arena is
// read front to back at every step, so blocks are packed in the order in which
// a run reads them. Names of products are those of pyattn.blocks, other names
// those of pyattn.checkpoint. Shapes follow from the config alone, and the
// source refuses a tensor of another shape.
class Packer {
 public:
  Packer(const ModelConfig& config, const ModelPacking& packing,
         const TensorSource& tensors)
      : config_(config),
        dim_(config.dim),
        packing_(packing),
        tensors_(tensors) {}

  // RMS norms have no shift.
  NormWeights norm(const std::string& name) const {
    const bool beta = config_.norm_kind == NormKind::kLayer;
    return {copy(name + ".weight", {dim_}),
            beta ? copy(name + ".bias", {dim_}) : Buffer<float>()};
  }

  // Queries, keys and values are one product, since they read the same rows.
  SelfAttentionWeights self_attention(const StackConfig& stack,
                                      const std::string& layer, int64_t n) {
    const AttentionSizes& sizes = stack.self_attention[n];
    const std::string name = layer + ".self_attention";
    const std::vector<int64_t> joined = {sizes.width(), sizes.kv_width(),
                                         sizes.kv_width()};
    SelfAttentionWeights weights;
    weights.norms = norms(name, place_of(n));
    weights.qkv = product(name + ".query_key_value", joined, dim_);
    if (config_.query_key_norm) {
      weights.query_norm = copy(name + ".query_norm.weight", {sizes.head_dim});
      weights.key_norm = copy(name + ".key_norm.weight", {sizes.head_dim});
    }
    if (&stack == &config_.encoder) {
      add_pattern(name, sizes, weights);
    }
    weights.output = product(name + ".output", {dim_}, sizes.width());
    return weights;
  }

  // Keys and values read the memory once per sentence, queries the target's
  // rows at every step: two products.
  CrossAttentionWeights cross_attention(const std::string& layer,
                                        const AttentionSizes& sizes) {
    const std::string name = layer + ".cross_attention";
    return {.query = product(name + ".query", {sizes.width()}, dim_),
            .key_value = product(name + ".key_value",
                                 {sizes.kv_width(), sizes.kv_width()}, dim_),
            .output = product(name + ".output", {dim_}, sizes.width()),
            .norms = norms(name, Place::kLater)};
  }

  // The gate's columns alternate with those that they multiply, so that the
  // product's epilogue has both in one tile.
  FeedForwardWeights feed_forward(const std::string& layer, int64_t ffn) {
    const std::string name = layer + ".feed_forward";
    const std::string up = name + ".up";
    return {.up = config_.gated ? product(up, {ffn, ffn}, dim_, Joined::kGated)
                                : product(up, {ffn}, dim_),
            .down = product(name + ".down", {dim_}, ffn),
            .norms = norms(name, Place::kLater)};
  }

  SsruWeights ssru(const std::string& layer, Place place) {
    const std::string name = layer + ".ssru";
    return {.input_forget = product(name + ".input_forget", {dim_, dim_}, dim_),
            .norms = norms(name, place)};
  }

  // Marian makes the feed-forward after the average and the gates optional.
  AverageWeights average(const std::string& layer, Place place) {
    const std::string name = layer + ".average";
    const int64_t ffn = config_.average_ffn;
    AverageWeights weights;
    if (ffn > 0) {
      weights.up = product(name + ".up", {ffn}, dim_);
      weights.down = product(name + ".down", {dim_}, ffn);
    }
    if (config_.average_gates) {
      weights.input_gate = product(name + ".input_gate", {dim_}, dim_);
      weights.forget_gate = product(name + ".forget_gate", {dim_}, dim_);
    }
    weights.norms = norms(name, place);
    return weights;
  }

  // The mixer of a decoder's layer, and its other sub-layers.
  DecoderLayerWeights decoder_layer(const std::string& layer, int64_t n) {
    const Place place = place_of(n);
    DecoderLayerWeights weights;
    switch (config_.mixer) {
      case Mixer::kAttention:
        weights.self_attention = self_attention(config_.decoder, layer, n);
        break;
      case Mixer::kSsru:
        weights.ssru = ssru(layer, place);
        break;
      case Mixer::kAverage:
        weights.average = average(layer, place);
        break;
    }
    if (config_.has_encoder()) {
      weights.cross_attention =
          cross_attention(layer, config_.decoder.cross_attention[n]);
    }
    weights.feed_forward = feed_forward(layer, config_.decoder.ffn[n]);
    return weights;
  }

  PackedLinear output(int64_t vocab) {
    return product("output", {vocab}, dim_);
  }

  // The embedding's matrix if the output has the same one.
  StoredMatrix tied_output(const EmbeddingWeights& embedding) {
    const StoredMatrix output =
        tensors_.matrices("output", {config_.decoder.vocab}, dim_)
            .front()
            .weight;
    return output.data == embedding.tokens.data ? embedding.tokens
                                                : StoredMatrix();
  }

  EmbeddingWeights embedding(const std::string& stack,
                             const StackConfig& sizes) const {
    StoredMatrix tokens =
        tensors_.matrices(stack + ".embedding", {sizes.vocab}, dim_)
            .front()
            .weight;
    tokens.was_read = {};  // rows are looked up as long as the model lives
    return {
        tokens,
        config_.adds_positions()
            ? tensors_.floats(stack + ".positions", {sizes.max_positions, dim_})
            : nullptr,
        types(stack),
        config_.embedding_norm ? norm(stack + ".embedding_norm")
                               : NormWeights()};
  }

  // T5 shares the first layer's table of distances among all layers; other
  // families have one per layer. `RelativeBias::of` hides the difference.
  RelativeBias relative_bias(const std::string& stack, const StackConfig& sizes,
                             int64_t distances) const {
    RelativeBias bias = {.tables = {}, .stride = distances};
    if (!config_.has_relative_bias()) {
      return bias;
    }
    const int64_t tables = config_.relative_per_layer ? sizes.layers : 1;
    for (int64_t n = 0; n < tables; ++n) {
      const std::string layer =
          config_.relative_per_layer ? ".layers." + std::to_string(n) : "";
      bias.tables.push_back(
          copy(stack + layer + ".relative_table", {sizes.heads, distances}));
    }
    return bias;
  }

  // Of aggregates, by distances of blocks.
  RelativeBias aggregate_bias() const {
    if (config_.pattern.kind != Pattern::kAggregates) {
      return {};
    }
    const int64_t most = std::max<int64_t>(
        config_.encoder.max_positions / config_.pattern.block, 1);
    RelativeBias bias = {.tables = {}, .stride = 2 * most - 1};
    bias.tables.push_back(copy("encoder.global_relative_table",
                               {config_.encoder.heads, bias.stride}));
    return bias;
  }

  Buffer<float> states() const {
    return config_.pattern.kind == Pattern::kStates
               ? copy("encoder.global_states", {config_.pattern.states, dim_})
               : Buffer<float>();
  }

  // Cosines and sines are tables from Python: the formulas of their wavelengths
  // differ between families, and the reference must use the same numbers.
  Rotation rotation(const std::string& name) const {
    if (config_.positions != Positions::kRotary) {
      return {};
    }
    const int64_t head_dim = config_.reader().head_dim;
    const int64_t longest =
        std::max(config_.reader().max_positions,
                 config_.has_decoder() ? config_.decoder.max_positions : 0);
    const std::vector<int64_t> shape = {longest, head_dim / 2};
    return {copy(name + ".cos", shape), copy(name + ".sin", shape), head_dim};
  }

  /// Of all products so far.
  int64_t bytes() const { return bytes_; }

 private:
  // What a layer of the encoder has for its pattern.
  void add_pattern(const std::string& name, const AttentionSizes& sizes,
                   SelfAttentionWeights& weights) {
    switch (config_.pattern.kind) {
      case Pattern::kWindows:
      case Pattern::kBlocks:
        break;
      case Pattern::kTokens:
        weights.global_query =
            product(name + ".global_query", {sizes.width()}, dim_);
        weights.global_key_value =
            product(name + ".global_key_value",
                    {sizes.kv_width(), sizes.kv_width()}, dim_);
        break;
      case Pattern::kAggregates:
        weights.aggregate_norm = norm(name + ".global_norm");
        break;
      case Pattern::kStates:
        weights.norms.states = norm(name + ".global_norm");
        break;
    }
  }

  // Only sources have types.
  Buffer<float> types(const std::string& stack) const {
    return config_.token_types > 0 && stack == "encoder"
               ? copy("encoder.types", {config_.token_types, dim_})
               : Buffer<float>();
  }

  // Gemma normalises a block's input and its output. ModernBERT has normalised
  // embeddings as the input of its first block.
  BlockNorms norms(const std::string& block, Place place) const {
    const bool left_out = place == Place::kFirst && !config_.first_norm &&
                          config_.norm != NormSide::kPost;
    return {.norm = left_out ? NormWeights() : norm(block + "_norm"),
            .after = config_.norm == NormSide::kBoth
                         ? norm(block + "_post_norm")
                         : NormWeights(),
            .states = {}};
  }

  // All products of a model are made here, so `bytes` counts each of them.
  PackedLinear product(const std::string& name,
                       const std::vector<int64_t>& rows, int64_t in,
                       Joined joined) {
    const Packing packing = {packing_.table, packing_.dtypes(name),
                             packing_.run};
    const std::vector<LinearPart> parts = tensors_.matrices(name, rows, in);
    try {
      PackedLinear packed(packing, parts, in, arena_, joined);
      bytes_ += packed.bytes();
      return packed;
    } catch (const ArgumentError& error) {
      throw ArgumentError("checkpoint: " + name + ": " + error.what());
    }
  }

  PackedLinear product(const std::string& name,
                       const std::vector<int64_t>& rows, int64_t in) {
    return product(name, rows, in, Joined::kInSequence);
  }

  // Vectors and tables are small, and are copied: the file may be unmapped.
  Buffer<float> copy(const std::string& name,
                     const std::vector<int64_t>& shape) const {
    int64_t count = 1;
    for (const int64_t length : shape) {
      count *= length;
    }
    Buffer<float> to(count);
    std::copy_n(tensors_.floats(name, shape), count, to.data());
    return to;
  }

  const ModelConfig& config_;
  const int64_t dim_;
  const ModelPacking& packing_;
  const TensorSource& tensors_;
  const std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
  int64_t bytes_ = 0;
};

}  // namespace

ModelWeights::ModelWeights(const ModelConfig& from, const ModelPacking& packing,
                           const TensorSource& tensors)
    : config(from), table(packing.table) {
  check_config(config);
  Packer pack(config, packing, tensors);
  rotation = pack.rotation("rotary");
  if (config.rotary_local) {
    local_rotation = pack.rotation("rotary_local");
  }
  if (config.has_encoder()) {
    source_embedding = pack.embedding("encoder", config.encoder);
    // The encoder sees distances of both signs, the decoder only the past.
    encoder_bias = pack.relative_bias("encoder", config.encoder,
                                      2 * config.encoder.max_positions - 1);
    aggregate_bias = pack.aggregate_bias();
    states = pack.states();
    for (int64_t n = 0; n < config.encoder.layers; ++n) {
      const std::string layer = "encoder.layers." + std::to_string(n);
      encoder.push_back({pack.self_attention(config.encoder, layer, n),
                         pack.feed_forward(layer, config.encoder.ffn[n])});
    }
    if (config.final_norm) {
      encoder_norm = pack.norm("encoder.final_norm");
    }
  }
  if (config.has_decoder()) {
    target_embedding = pack.embedding("decoder", config.decoder);
    decoder_bias = pack.relative_bias("decoder", config.decoder,
                                      config.decoder.max_positions);
    for (int64_t n = 0; n < config.decoder.layers; ++n) {
      decoder.push_back(
          pack.decoder_layer("decoder.layers." + std::to_string(n), n));
    }
    if (config.final_norm) {
      decoder_norm = pack.norm("decoder.final_norm");
    }
    // Last in the arena, as it is the last product of a step.
    output = pack.output(config.decoder.vocab);
    output_rows = pack.tied_output(target_embedding);
  }
  bytes_ = pack.bytes();
}

}  // namespace pyattn
