#include "model/sublayer.h"

#include "base/threads.h"
#include "ops/embedding.h"

namespace pyattn {

void apply_norm(const ModelWeights& weights, const NormWeights& norm,
                int64_t rows, ConstRows from, Rows to, const WordRows& words) {
  const NormArgs args = {.x = from.data,
                         .gamma = norm.gamma.data(),
                         .beta = norm.beta.data(),
                         .y = to.data,
                         .words = words,
                         .rows = rows,
                         .dim = weights.config.dim,
                         .x_stride = from.stride,
                         .y_stride = to.stride,
                         .epsilon = weights.config.norm_epsilon};
  if (weights.config.norm_kind == NormKind::kRms) {
    rms_norm(weights.table, args);
  } else {
    layer_norm(weights.table, args);
  }
}

Stream::Stream(const ModelWeights& weights, int64_t rows, int64_t states)
    : weights_(weights),
      rows_(rows),
      states_(states),
      x_(rows * weights.config.dim),
      normal_(rows * weights.config.dim) {}

void Stream::normalise(const NormWeights& norm, ConstRows from, Rows to,
                       const PackedLinear* next, const NormWeights* states) {
  WordRows words = {};
  if (next != nullptr) {
    words = input_.allocate(*next, to.read(), rows_);
  }
  if (states == nullptr || states->gamma.size() == 0) {
    apply_norm(weights_, norm, rows_, from, to, words);
    return;
  }
  const int64_t tokens = rows_ - states_;
  apply_norm(weights_, norm, tokens, from, to, words);
  if (words.data != nullptr) {
    words = rows_from(words, tokens);
  }
  apply_norm(weights_, *states, states_, from.from(tokens), to.from(tokens),
             words);
}

void Stream::normalise_heads(const AttentionSizes& sizes,
                             const SelfAttentionWeights& attention, Rows qkv) {
  if (!weights_.config.query_key_norm) {
    return;
  }
  const int64_t head_dim = sizes.head_dim;
  const auto part = [&](const Buffer<float>& gamma, float* x, int64_t heads) {
    weights_.table.rms_norm({.x = x,
                             .gamma = gamma.data(),
                             .beta = nullptr,
                             .y = x,
                             .words = {},
                             .rows = heads,
                             .dim = head_dim,
                             .x_stride = head_dim,
                             .y_stride = head_dim,
                             .epsilon = weights_.config.norm_epsilon});
  };
  parallel_for(rows_, grain(sizes.width() + sizes.kv_width()),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   float* const queries = qkv.from(row).data;
                   part(attention.query_norm, queries, sizes.heads);
                   part(attention.key_norm, queries + sizes.width(),
                        sizes.kv_heads);
                 }
               });
}

void Stream::add(ConstRows branch) {
  const int64_t dim = weights_.config.dim;
  parallel_for(rows_, grain(dim), [&](int64_t begin, int64_t end) {
    float* const x = x_.data() + begin * dim;
    const float* const y = branch.from(begin).data;
    for (int64_t i = 0; i < (end - begin) * dim; ++i) {
      x[i] += y[i];
    }
  });
}

void Stream::embed(const EmbeddingWeights& embedding,
                   std::span<const int32_t> ids,
                   std::span<const int32_t> positions) {
  pyattn::embed(weights_.table, {.tokens = embedding.tokens,
                                 .ids = ids,
                                 .positions = embedding.positions,
                                 .position_ids = positions,
                                 .y = x_.data(),
                                 .dim = weights_.config.dim,
                                 .scale = weights_.config.embedding_scale});
}

void Stream::add_types(const EmbeddingWeights& embedding,
                       std::span<const int32_t> types) {
  if (weights_.config.token_types == 0) {
    return;
  }
  const int64_t dim = weights_.config.dim;
  parallel_for(rows_, grain(dim), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t type = types.empty() ? 0 : types[row];
      const float* const added = embedding.types.data() + type * dim;
      float* const x = x_.data() + row * dim;
      for (int64_t i = 0; i < dim; ++i) {
        x[i] += added[i];
      }
    }
  });
}

void Stream::begin(const NormWeights& norm) {
  if (!weights_.config.embedding_norm) {
    return;
  }
  if (side() == NormSide::kPost) {
    waiting_ = &norm;
  } else {
    normalise(norm, x().read(), x(), nullptr);
  }
}

void Stream::feed_forward(const FeedForwardWeights& weights) {
  sublayer(weights.norms, &weights.up,
           [&](const LinearInput& in, ConstRows residual, Rows out) {
             pyattn::feed_forward(weights.up, weights.down,
                                  weights_.config.activation, in, rows_,
                                  residual, middle_, out);
           });
}

void Stream::finish(const NormWeights& norm) {
  if (waiting_ != nullptr) {
    normalise(*waiting_, x().read(), x(), nullptr);
  }
  if (weights_.config.final_norm) {
    normalise(norm, x().read(), x(), nullptr);
  }
}

}  // namespace pyattn
