#include "model/weights.h"

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace pyattn {
namespace {

// Packs what one checkpoint holds; names are those of pyattn.checkpoint.
class Packer {
 public:
  Packer(const ModelConfig& config, const ModelPacking& packing,
         const TensorSource& tensors)
      : dim_(config.dim), packing_(packing), tensors_(tensors) {}

  NormWeights norm(const std::string& name) const {
    return {copy(name + ".weight"), copy(name + ".bias")};
  }

  PackedLinear product(const std::string& name, int64_t out, int64_t in) const {
    return pack(name, {part(name, out, in)}, in);
  }

  // The named projections of one input as one product.
  PackedLinear fused(const std::string& attention, const char* name,
                     const std::vector<const char*>& names) const {
    std::vector<LinearPart> parts;
    for (const char* one : names) {
      parts.push_back(part(attention + "." + one, dim_, dim_));
    }
    return pack(attention + "." + name, parts, dim_);
  }

  SelfAttentionWeights self_attention(const std::string& layer) const {
    const std::string name = layer + ".self_attention";
    return {fused(name, "query_key_value", {"query", "key", "value"}),
            product(name + ".output", dim_, dim_), norm(name + "_norm")};
  }

  CrossAttentionWeights cross_attention(const std::string& layer) const {
    const std::string name = layer + ".cross_attention";
    return {product(name + ".query", dim_, dim_),
            fused(name, "key_value", {"key", "value"}),
            product(name + ".output", dim_, dim_), norm(name + "_norm")};
  }

  FeedForwardWeights feed_forward(const std::string& layer, int64_t ffn) const {
    const std::string name = layer + ".feed_forward";
    return {product(name + ".up", ffn, dim_),
            product(name + ".down", dim_, ffn), norm(name + "_norm")};
  }

  PackedLinear output(int64_t vocab) const {
    return pack("output",
                {{tensors_("output.weight", {vocab, dim_}, false),
                  tensors_("output.bias", {vocab}, true), vocab}},
                dim_);
  }

  EmbeddingWeights embedding(const std::string& stack, int64_t vocab,
                             const ModelConfig& config) const {
    return {tensors_(stack + ".embedding", {vocab, dim_}, false),
            tensors_(stack + ".positions", {config.max_positions, dim_}, false),
            config.embedding_norm ? norm(stack + ".embedding_norm")
                                  : NormWeights()};
  }

 private:
  LinearPart part(const std::string& name, int64_t out, int64_t in) const {
    return {tensors_(name + ".weight", {out, in}, false),
            tensors_(name + ".bias", {out}, false), out};
  }

  PackedLinear pack(const std::string& name,
                    const std::vector<LinearPart>& parts, int64_t in) const {
    return PackedLinear({packing_.table, packing_.dtypes(name)}, parts, in,
                        arena_);
  }

  Buffer<float> copy(const std::string& name) const {
    Buffer<float> to(dim_);
    std::copy_n(tensors_(name, {dim_}, false), dim_, to.data());
    return to;
  }

  const int64_t dim_;
  const ModelPacking& packing_;
  const TensorSource& tensors_;
  const std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
};

void check_config(const ModelConfig& config) {
  const auto positive = [](int64_t value) { return value > 0; };
  check(positive(config.dim) && positive(config.max_positions), "model",
        "dim and max_positions must be positive");
  for (const StackConfig& stack : {config.encoder, config.decoder}) {
    check(stack.layers >= 0 && positive(stack.heads) && positive(stack.ffn) &&
              positive(stack.vocab),
          "model", "sizes of a stack must be positive");
    check(config.dim % stack.heads == 0, "model",
          "dim is not a multiple of the number of heads");
  }
  const auto in_vocab = [&config](int32_t id) {
    return id >= 0 && id < config.decoder.vocab;
  };
  check(in_vocab(config.start) && in_vocab(config.end), "model",
        "start or end is not an id of the target vocabulary");
}

}  // namespace

ModelWeights::ModelWeights(const ModelConfig& from, const ModelPacking& packing,
                           const TensorSource& tensors)
    : config(from), table(packing.table) {
  check_config(config);
  const Packer pack(config, packing, tensors);
  source_embedding = pack.embedding("encoder", config.encoder.vocab, config);
  target_embedding = pack.embedding("decoder", config.decoder.vocab, config);
  for (int64_t n = 0; n < config.encoder.layers; ++n) {
    const std::string layer = "encoder.layers." + std::to_string(n);
    encoder.push_back({pack.self_attention(layer),
                       pack.feed_forward(layer, config.encoder.ffn)});
  }
  for (int64_t n = 0; n < config.decoder.layers; ++n) {
    const std::string layer = "decoder.layers." + std::to_string(n);
    decoder.push_back({pack.self_attention(layer), pack.cross_attention(layer),
                       pack.feed_forward(layer, config.decoder.ffn)});
  }
  if (config.final_norm) {
    encoder_norm = pack.norm("encoder.final_norm");
    decoder_norm = pack.norm("decoder.final_norm");
  }
  output = pack.output(config.decoder.vocab);
}

int64_t ModelWeights::bytes() const {
  int64_t total = output.bytes();
  for (const EncoderLayerWeights& layer : encoder) {
    total += layer.self_attention.qkv.bytes() +
             layer.self_attention.output.bytes() +
             layer.feed_forward.up.bytes() + layer.feed_forward.down.bytes();
  }
  for (const DecoderLayerWeights& layer : decoder) {
    total += layer.self_attention.qkv.bytes() +
             layer.self_attention.output.bytes() +
             layer.cross_attention.query.bytes() +
             layer.cross_attention.key_value.bytes() +
             layer.cross_attention.output.bytes() +
             layer.feed_forward.up.bytes() + layer.feed_forward.down.bytes();
  }
  return total;
}

}  // namespace pyattn
