#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "model/cache.h"
#include "model/mixers.h"
#include "model/sublayer.h"
#include "ops/vocabulary.h"

namespace pyattn {
namespace {

class Step {
 public:
  Step(const ModelWeights& weights, const std::vector<DecoderRow>& rows)
      : weights_(weights),
        stack_(weights.config.decoder),
        rows_(rows),
        stream_(weights, static_cast<int64_t>(rows.size())) {
    std::vector<StepMemory> past, source;
    for (const DecoderRow& row : rows) {
      positions_.push_back(row.position);
      past.push_back(row.past);
      source.push_back(row.source);
      slots_.push_back(row.slot);
      alignments_.add_row(row.alignment_heads, row.source.time);
    }
    past_ = StepMemories(std::move(past));
    source_ = StepMemories(std::move(source));
  }

  Decoded run() {
    embed_tokens();
    for (int64_t n = 0; n < stack_.layers; ++n) {
      mix(weights_.decoder[n], n);
      cross_attention(weights_.decoder[n].cross_attention, n);
      stream_.feed_forward(weights_.decoder[n].feed_forward);
    }
    stream_.finish(weights_.decoder_norm);
    scale_states();
    return {stream_.take(), std::move(alignments_)};
  }

 private:
  void embed_tokens() {
    std::vector<int32_t> ids;
    for (const DecoderRow& row : rows_) {
      ids.push_back(row.token);
    }
    embed(weights_.table, weights_.target_embedding.tokens,
          {.table = nullptr,
           .ids = ids.data(),
           .positions = weights_.target_embedding.positions,
           .position_ids = positions_.data(),
           .y = stream_.x().data,
           .rows = stream_.rows(),
           .dim = weights_.config.dim,
           .scale = weights_.config.embedding_scale});
    if (weights_.config.zero_start) {
      embed_starts();
    }
    stream_.begin(weights_.target_embedding.norm);
  }

  // A start of zeros leaves what its position adds.
  void embed_starts() {
    const float* const first = weights_.target_embedding.positions;
    for (int64_t r = 0; r < stream_.rows(); ++r) {
      if (positions_[r] == 0) {
        float* const x = stream_.x().from(r).data;
        if (first == nullptr) {
          std::fill_n(x, weights_.config.dim, 0.0F);
        } else {
          std::copy_n(first, weights_.config.dim, x);
        }
      }
    }
  }

  // To scale what is projected is to scale the logits.
  void scale_states() {
    const float scale = weights_.config.logits_scale;
    if (scale != 1.0F) {
      float* const x = stream_.x().data;
      for (int64_t i = 0; i < stream_.rows() * weights_.config.dim; ++i) {
        x[i] *= scale;
      }
    }
  }

  StepCall step_call(int64_t n) const {
    return {.cache_type = cache_type(weights_),
            .heads = stack_.heads,
            .kv_heads = stack_.kv_heads,
            .head_dim = stack_.head_dim,
            .k_offset = key_offset(weights_.config, n),
            .v_offset = value_offset(weights_.config, n),
            .bias_stride = weights_.decoder_bias.stride,
            .scale = stack_.attention_scale,
            .soft_cap = weights_.config.attention_soft_cap};
  }

  // Attention with queries from `q` over each row's own memory, projected and
  // added to the residual.
  void attend(ConstRows q, const StepMemories& memories, int64_t n, Rows heads,
              const PackedLinear& output, ConstRows residual, Rows out) {
    attention_step(weights_.table, step_call(n), q, memories, heads);
    linear(output, heads.read(), stream_.rows(), out, {.residual = residual});
  }

  void mix(const DecoderLayerWeights& layer, int64_t n) {
    switch (weights_.config.mixer) {
      case Mixer::kAttention:
        self_attention(layer.self_attention, n);
        break;
      case Mixer::kSsru:
        ssru(weights_, layer.ssru, n, rows_, stream_);
        break;
      case Mixer::kAverage:
        average(weights_, layer.average, n, rows_, stream_);
        break;
    }
  }

  void self_attention(const SelfAttentionWeights& attention, int64_t n) {
    const int64_t width = stack_.width();
    const int64_t joined = width + 2 * stack_.kv_width();
    stream_.sublayer(
        attention.norms, &attention.qkv,
        [&](const LinearInput& in, ConstRows residual, Rows out) {
          float* const scratch =
              stream_.scratch().at_least(stream_.rows() * (joined + width));
          const Rows qkv = {scratch, joined};
          linear(attention.qkv, in, stream_.rows(), qkv, {});
          if (weights_.rotation.head_dim > 0) {
            // Keys stand behind the queries.
            rotate(weights_.rotation, positions_,
                   stack_.heads + stack_.kv_heads, qkv);
          }
          store(weights_.table, cache_type(weights_), {scratch + width, joined},
                2 * stack_.kv_width(), slots_, key_offset(weights_.config, n));
          attend(qkv.read(), seen_past(n), n,
                 {scratch + stream_.rows() * joined, width}, attention.output,
                 residual, out);
        });
  }

  // What each row sees of its past in a layer, and by which bias.
  const StepMemories& seen_past(int64_t n) {
    const int64_t window = stack_.windows[n];
    const float* const bias = weights_.decoder_bias.of(n);
    if (window == 0 && bias == nullptr) {
      return past_;
    }
    std::vector<StepMemory> seen = past_.rows();
    for (StepMemory& memory : seen) {
      if (window > 0 && memory.time > window) {
        memory.tokens += memory.time - window;
        memory.time = window;
      }
      if (bias != nullptr) {
        // The table ends with the row's own position.
        memory.bias = bias + weights_.decoder_bias.stride - memory.time;
      }
    }
    seen_ = StepMemories(std::move(seen));
    return seen_;
  }

  void cross_attention(const CrossAttentionWeights& attention, int64_t n) {
    const int64_t width = stack_.width();
    stream_.sublayer(
        attention.norms, &attention.query,
        [&](const LinearInput& in, ConstRows residual, Rows out) {
          float* const scratch =
              stream_.scratch().at_least(stream_.rows() * 2 * width);
          const Rows q = {scratch, width};
          linear(attention.query, in, stream_.rows(), q, {});
          alignments_.add_layer(step_call(n), static_cast<int32_t>(n), q.read(),
                                source_.rows());
          attend(q.read(), source_, n,
                 {scratch + stream_.rows() * width, width}, attention.output,
                 residual, out);
        });
  }

  const ModelWeights& weights_;
  const StackConfig& stack_;
  const std::vector<DecoderRow>& rows_;
  std::vector<int32_t> positions_;
  Stream stream_;
  StepMemories past_, source_;
  StepMemories seen_;  // of the layer at hand
  std::vector<void*> slots_;
  Alignments alignments_;
};

}  // namespace

Decoded decode(const ModelWeights& weights,
               const std::vector<DecoderRow>& rows) {
  return Step(weights, rows).run();
}

}  // namespace pyattn
