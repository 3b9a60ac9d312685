#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "model/cache.h"
#include "model/mixers.h"
#include "model/source_memory.h"
#include "model/sublayer.h"

namespace pyattn {
namespace {

class Step {
 public:
  Step(const ModelWeights& weights, const std::vector<DecoderRow>& rows)
      : weights_(weights),
        stack_(weights.config.decoder),
        rows_(rows),
        stream_(weights, static_cast<int64_t>(rows.size())),
        source_row_(source_row(weights.config)) {
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
      if (weights_.config.has_encoder()) {
        cross_attention(weights_.decoder[n].cross_attention, n);
      }
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
    stream_.embed(weights_.target_embedding, ids, positions_);
    if (weights_.config.zero_start) {
      embed_starts();
    }
    stream_.begin(weights_.target_embedding.norm);
  }

  // The embedding of the start is zero, so what its position adds is all.
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

  // Scales the logits, by scaling what they are computed from.
  void scale_states() {
    const float scale = weights_.config.logits_scale;
    if (scale != 1.0F) {
      float* const x = stream_.x().data;
      for (int64_t i = 0; i < stream_.rows() * weights_.config.dim; ++i) {
        x[i] *= scale;
      }
    }
  }

  StepCall step_call(int64_t n, const AttentionSizes& sizes,
                     DType cache_type) const {
    return {.cache_type = cache_type,
            .layer = n,
            .heads = sizes.heads,
            .kv_heads = sizes.kv_heads,
            .head_dim = sizes.head_dim,
            .keys = key_offset(sizes),
            .values = sizes.kv_width(),
            .scales = 2 * sizes.kv_heads_before,
            .bias_stride = weights_.decoder_bias.stride,
            .scale = stack_.attention_scale,
            .soft_cap = weights_.config.attention_soft_cap};
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
    const AttentionSizes& sizes = stack_.self_attention[n];
    stream_.self_attention(
        sizes, attention, weights_.rotation_of(stack_, n), positions_,
        [&](ConstRows qkv, Rows heads) {
          const ConstRows keys = {qkv.data + sizes.width(), qkv.stride};
          const StepCall call = step_call(n, sizes, target_type(weights_));
          store(weights_.table, call.cache_type, keys, 2 * call.values, slots_,
                call.keys);
          attention_step(weights_.table, call, qkv, seen_past(n), heads);
        });
  }

  // The part of its past that each row attends to in a layer, with its bias.
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
    const AttentionSizes& sizes = stack_.cross_attention[n];
    const int64_t width = sizes.width();
    stream_.sublayer(
        attention.norms, &attention.query,
        [&](const LinearInput& in, ConstRows residual, Rows out) {
          float* const scratch =
              stream_.scratch().at_least(stream_.rows() * 2 * width);
          const Rows q = {scratch, width};
          linear(attention.query, in, stream_.rows(), q, {});
          StepCall call = step_call(n, sizes, source_type(weights_));
          call.keys = 2 * n * source_row_;
          call.values = source_row_;
          alignments_.add_layer(call, q.read(), source_.rows());
          const Rows heads = {scratch + stream_.rows() * width, width};
          attention_step(weights_.table, call, q.read(), source_, heads);
          linear(attention.output, heads.read(), stream_.rows(), out,
                 {.residual = residual});
        });
  }

  const ModelWeights& weights_;
  const StackConfig& stack_;
  const std::vector<DecoderRow>& rows_;
  std::vector<int32_t> positions_;
  Stream stream_;
  const int64_t source_row_;
  StepMemories past_, source_;
  StepMemories seen_;  // of the current layer
  std::vector<void*> slots_;
  Alignments alignments_;
};

}  // namespace

Decoded decode(const ModelWeights& weights,
               const std::vector<DecoderRow>& rows) {
  return Step(weights, rows).run();
}

}  // namespace pyattn
