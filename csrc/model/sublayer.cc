#include "model/sublayer.h"

namespace pyattn {

Stream::Stream(const ModelWeights& weights, int64_t rows)
    : weights_(weights),
      rows_(rows),
      x_(rows * weights.config.dim),
      normal_(rows * weights.config.dim) {}

void Stream::normalise(const NormWeights& norm, Rows to,
                       const PackedLinear* next) {
  NormArgs args = {.x = x().data,
                   .gamma = norm.gamma.data(),
                   .beta = norm.beta.data(),
                   .y = to.data,
                   .words = {},
                   .rows = rows_,
                   .dim = weights_.config.dim,
                   .x_stride = x().stride,
                   .y_stride = to.stride,
                   .epsilon = weights_.config.norm_epsilon};
  if (next != nullptr) {
    args.words = input_.room(*next, to.read(), rows_);
  }
  layer_norm(weights_.table, args);
}

void Stream::begin(const NormWeights& norm) {
  if (!weights_.config.embedding_norm) {
    return;
  }
  if (weights_.config.pre_norm) {
    normalise(norm, x(), nullptr);
  } else {
    waiting_ = &norm;
  }
}

void Stream::feed_forward(const FeedForwardWeights& weights) {
  sublayer(weights.norm, weights.up,
           [&](const LinearInput& in, ConstRows residual, Rows out) {
             pyattn::feed_forward(weights.up, weights.down,
                                  weights_.config.activation, in, rows_,
                                  residual, middle_, out);
           });
}

void Stream::finish(const NormWeights& norm) {
  if (waiting_ != nullptr) {
    normalise(*waiting_, x(), nullptr);
  }
  if (weights_.config.final_norm) {
    normalise(norm, x(), nullptr);
  }
}

}  // namespace pyattn
