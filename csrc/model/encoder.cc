#include "model/encoder.h"

#include <numeric>

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
  for (const EncoderLayerWeights& layer : weights.encoder) {
    self_attention(weights, layer.self_attention, sources.starts, stream);
    stream.feed_forward(layer.feed_forward);
  }
  stream.finish(weights.encoder_norm);
  return stream.take();
}

DType kept_type(const ModelWeights& weights) {
  for (const DecoderLayerWeights& layer : weights.decoder) {
    if (layer.self_attention.qkv.dtype() == DType::kFloat32 ||
        layer.cross_attention.key_value.dtype() == DType::kFloat32) {
      return DType::kFloat32;
    }
  }
  return DType::kBFloat16;
}

CrossMemory::CrossMemory(const ModelWeights& weights, const float* encoded,
                         int64_t tokens)
    : bytes_(token_bytes(weights)), data_(tokens * bytes_) {
  const int64_t dim = weights.config.dim;
  const int64_t stride = token_elements(weights.config);
  const bool floats = kept_type(weights) == DType::kFloat32;
  Buffer<float> room(floats ? 0 : tokens * 2 * dim);
  for (int64_t n = 0; n < weights.config.decoder.layers; ++n) {
    const int64_t offset = key_offset(weights.config, n);
    const Rows to =
        floats ? Rows{reinterpret_cast<float*>(data_.data()) + offset, stride}
               : Rows{room.data(), 2 * dim};
    linear(weights.decoder[n].cross_attention.key_value, {encoded, dim}, tokens,
           to, {});
    if (!floats) {
      keep(weights.table, kept_type(weights), to.read(), tokens, 2 * dim,
           data_.data(), stride, offset);
    }
  }
}

}  // namespace pyattn
