#include "model/encoder.h"

#include <numeric>

#include "model/cache.h"
#include "model/sublayer.h"

namespace pyattn {
namespace {

// All sentences at once, as ragged rows: only attention needs to know where a
// sentence begins, every other operation sees one matrix of rows.
class Encoder {
 public:
  Encoder(const ModelWeights& weights, const Ragged& sources)
      : weights_(weights),
        stack_(weights.config.encoder),
        sources_(sources),
        positions_(sources.ids.size()),
        stream_(weights, sources.tokens()) {
    // Positions count from the beginning of each sentence.
    for (int64_t s = 0; s < sources.sequences(); ++s) {
      std::iota(positions_.begin() + sources.starts[s],
                positions_.begin() + sources.starts[s + 1], 0);
    }
  }

  Buffer<float> run() {
    const EmbeddingWeights& embedding = weights_.source_embedding;
    stream_.embed(embedding, sources_.ids, positions_);
    stream_.add_types(embedding, sources_.types);
    stream_.begin(embedding.norm);
    for (int64_t n = 0; n < stack_.layers; ++n) {
      const SelfAttentionWeights& attention =
          weights_.encoder[n].self_attention;
      stream_.self_attention(stack_, attention, weights_.rotation_of(stack_, n),
                             positions_, [&](ConstRows qkv, Rows heads) {
                               ragged_self_attention(
                                   weights_.table, sources_.starts,
                                   call(attention, n, qkv, heads));
                             });
      stream_.feed_forward(weights_.encoder[n].feed_forward);
    }
    stream_.finish(weights_.encoder_norm);
    return stream_.take();
  }

 private:
  // Attention computes in bfloat16 where its products do, as the inputs have
  // no more digits than that. The bias table's middle is distance zero.
  RaggedCall call(const SelfAttentionWeights& attention, int64_t n,
                  ConstRows qkv, Rows heads) const {
    return {.qkv = qkv,
            .y = heads,
            .heads = stack_.heads,
            .kv_heads = stack_.kv_heads,
            .head_dim = stack_.head_dim,
            .scale = stack_.attention_scale,
            .soft_cap = weights_.config.attention_soft_cap,
            .window = stack_.windows[n],
            .bias = weights_.encoder_bias.of(n),
            .bias_stride = weights_.encoder_bias.stride,
            .bias_middle = weights_.config.max_positions - 1,
            .dtype = attention.qkv.dtype() == DType::kFloat32
                         ? DType::kFloat32
                         : DType::kBFloat16};
  }

  const ModelWeights& weights_;
  const StackConfig& stack_;
  const Ragged& sources_;
  std::vector<int32_t> positions_;
  Stream stream_;
};

}  // namespace

Buffer<float> encode(const ModelWeights& weights, const Ragged& sources) {
  return Encoder(weights, sources).run();
}

// Keys and values of a source are the same at every step, so they are computed
// once, for each layer of the decoder. One scratch matrix serves all layers.
void store_sources(const ModelWeights& weights, const float* encoded,
                   const std::vector<void*>& slots) {
  const int64_t width = 2 * weights.config.decoder.kv_width();
  const int64_t tokens = static_cast<int64_t>(slots.size());
  Buffer<float> scratch(tokens * width);
  const Rows to = {scratch.data(), width};
  for (int64_t n = 0; n < weights.config.decoder.layers; ++n) {
    linear(weights.decoder[n].cross_attention.key_value,
           {encoded, weights.config.dim}, tokens, to, {});
    store(weights.table, cache_type(weights), to.read(), width, slots,
          key_offset(weights.config, n));
  }
}

}  // namespace pyattn
