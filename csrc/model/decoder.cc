#include "model/decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/cache.h"
#include "model/sublayer.h"
#include "ops/vocabulary.h"

namespace pyattn {
namespace {

using Memories = std::vector<StepMemory>;

class Step {
 public:
  Step(const ModelWeights& weights, const std::vector<DecoderRow>& rows)
      : weights_(weights),
        dim_(weights.config.dim),
        heads_(weights.config.decoder.heads),
        rows_(rows),
        stream_(weights, static_cast<int64_t>(rows.size())) {
    for (const DecoderRow& row : rows) {
      past_.push_back(row.past);
      source_.push_back(row.source);
      slots_.push_back(row.slot);
      alignments_.add_row(row.aligned, row.source.time);
    }
  }

  Decoded run() {
    embed_tokens();
    for (int64_t n = 0; n < weights_.config.decoder.layers; ++n) {
      const DecoderLayerWeights& layer = weights_.decoder[n];
      self_attention(layer.self_attention, n);
      cross_attention(layer.cross_attention, n);
      stream_.feed_forward(layer.feed_forward);
    }
    stream_.finish(weights_.decoder_norm);
    return {stream_.take(), std::move(alignments_)};
  }

 private:
  void embed_tokens() {
    std::vector<int32_t> ids, positions;
    for (const DecoderRow& row : rows_) {
      ids.push_back(row.token);
      positions.push_back(row.position);
    }
    embed(weights_.table, {.table = weights_.target_embedding.tokens,
                           .ids = ids.data(),
                           .positions = weights_.target_embedding.positions,
                           .position_ids = positions.data(),
                           .y = stream_.x().data,
                           .rows = stream_.rows(),
                           .dim = dim_,
                           .scale = weights_.config.embedding_scale});
    if (weights_.config.zero_start) {
      embed_starts(positions);
    }
    stream_.begin(weights_.target_embedding.norm);
  }

  // A start of zeros leaves what its position adds.
  void embed_starts(const std::vector<int32_t>& positions) {
    for (int64_t r = 0; r < stream_.rows(); ++r) {
      if (positions[r] == 0) {
        std::copy_n(weights_.target_embedding.positions, dim_,
                    stream_.x().data + r * dim_);
      }
    }
  }

  StepCall step_call(int64_t n) const {
    const int64_t head_dim = dim_ / heads_;
    return {.kept = kept_type(weights_),
            .heads = heads_,
            .kv_heads = heads_,
            .head_dim = head_dim,
            .k_offset = key_offset(weights_.config, n),
            .v_offset = value_offset(weights_.config, n),
            .bias_stride = 0,
            .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
            .soft_cap = 0.0F};
  }

  // Attention with queries from `q` over each row's own memory, projected and
  // added to the residual.
  void attend(ConstRows q, const Memories& memories, int64_t n, Rows heads,
              const PackedLinear& output, ConstRows residual, Rows out) {
    attention_step(weights_.table, step_call(n), q, memories, heads);
    linear(output, heads.read(), stream_.rows(), out, {.residual = residual});
  }

  void self_attention(const SelfAttentionWeights& attention, int64_t n) {
    stream_.sublayer(
        attention.norm, attention.qkv,
        [&](const LinearInput& in, ConstRows residual, Rows out) {
          float* room = stream_.room().at_least(stream_.rows() * 4 * dim_);
          const Rows qkv = {room, 3 * dim_};
          linear(attention.qkv, in, stream_.rows(), qkv, {});
          keep(weights_.table, kept_type(weights_),
               {qkv.data + dim_, qkv.stride}, 2 * dim_, slots_,
               key_offset(weights_.config, n));
          attend(qkv.read(), past_, n, {room + stream_.rows() * 3 * dim_, dim_},
                 attention.output, residual, out);
        });
  }

  void cross_attention(const CrossAttentionWeights& attention, int64_t n) {
    stream_.sublayer(
        attention.norm, attention.query,
        [&](const LinearInput& in, ConstRows residual, Rows out) {
          float* room = stream_.room().at_least(stream_.rows() * 2 * dim_);
          const Rows q = {room, dim_};
          linear(attention.query, in, stream_.rows(), q, {});
          alignments_.add_layer(step_call(n), static_cast<int32_t>(n), q.read(),
                                source_);
          attend(q.read(), source_, n, {room + stream_.rows() * dim_, dim_},
                 attention.output, residual, out);
        });
  }

  const ModelWeights& weights_;
  const int64_t dim_, heads_;
  const std::vector<DecoderRow>& rows_;
  Stream stream_;
  Memories past_, source_;
  std::vector<void*> slots_;
  Alignments alignments_;
};

}  // namespace

Decoded decode(const ModelWeights& weights,
               const std::vector<DecoderRow>& rows) {
  return Step(weights, rows).run();
}

}  // namespace pyattn
