#include "model/encoder.h"

#include <numeric>

#include "model/cache.h"
#include "model/sublayer.h"
#include "ops/vocabulary.h"

namespace pyattn {
namespace {

void self_attention(const ModelWeights& weights,
                    const SelfAttentionWeights& attention, const Starts& starts,
                    Stream& stream) {
  const int64_t dim = weights.config.dim;
  stream.sublayer(
      attention.norm, attention.qkv,
      [&](const LinearInput& in, ConstRows residual, Rows out) {
        float* room = stream.room().at_least(stream.rows() * 4 * dim);
        const Rows qkv = {room, 3 * dim};
        const Rows heads = {room + stream.rows() * 3 * dim, dim};
        linear(attention.qkv, in, stream.rows(), qkv, {});
        ragged_self_attention(weights.table, qkv.read(), starts,
                              weights.config.encoder.heads, dim,
                              attention.qkv.dtype() == DType::kFloat32
                                  ? DType::kFloat32
                                  : DType::kBFloat16,
                              heads);
        linear(attention.output, heads.read(), stream.rows(), out,
               {.residual = residual});
      });
}

}  // namespace

Buffer<float> encode(const ModelWeights& weights, const Ragged& sources) {
  const ModelConfig& config = weights.config;
  std::vector<int32_t> positions(sources.ids.size());
  for (int64_t s = 0; s < sources.sequences(); ++s) {
    std::iota(positions.begin() + sources.starts[s],
              positions.begin() + sources.starts[s + 1], 0);
  }
  Stream stream(weights, sources.tokens());
  embed(weights.table, {.table = weights.source_embedding.tokens,
                        .ids = sources.ids.data(),
                        .positions = weights.source_embedding.positions,
                        .position_ids = positions.data(),
                        .y = stream.x().data,
                        .rows = stream.rows(),
                        .dim = config.dim,
                        .scale = config.embedding_scale});
  stream.begin(weights.source_embedding.norm);
  for (const EncoderLayerWeights& layer : weights.encoder) {
    self_attention(weights, layer.self_attention, sources.starts, stream);
    stream.feed_forward(layer.feed_forward);
  }
  stream.finish(weights.encoder_norm);
  return stream.take();
}

void keep_sources(const ModelWeights& weights, const float* encoded,
                  const std::vector<void*>& slots) {
  const int64_t dim = weights.config.dim;
  const int64_t tokens = static_cast<int64_t>(slots.size());
  Buffer<float> room(tokens * 2 * dim);
  const Rows to = {room.data(), 2 * dim};
  for (int64_t n = 0; n < weights.config.decoder.layers; ++n) {
    linear(weights.decoder[n].cross_attention.key_value, {encoded, dim}, tokens,
           to, {});
    keep(weights.table, kept_type(weights), to.read(), 2 * dim, slots,
         key_offset(weights.config, n));
  }
}

}  // namespace pyattn
