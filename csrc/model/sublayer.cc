#include "model/sublayer.h"

namespace pyattn {

Stream::Stream(const ModelWeights& weights, int64_t rows)
    : weights_(weights),
      rows_(rows),
      x_(rows * weights.config.dim),
      normal_(rows * weights.config.dim) {}

void Stream::normalise(const NormWeights& norm, Rows from, Rows to) {
  layer_norm(weights_.table, {.x = from.data,
                              .gamma = norm.gamma.data(),
                              .beta = norm.beta.data(),
                              .y = to.data,
                              .rows = rows_,
                              .dim = weights_.config.dim,
                              .x_stride = from.stride,
                              .y_stride = to.stride,
                              .epsilon = weights_.config.norm_epsilon});
}

void Stream::feed_forward(const FeedForwardWeights& weights) {
  sublayer(weights.norm, [&](ConstRows in, ConstRows residual, Rows out) {
    pyattn::feed_forward(weights.up, weights.down, weights_.config.activation,
                         in, rows_, residual, room_, out);
  });
}

void Stream::finish(const NormWeights& norm) {
  if (weights_.config.final_norm) {
    normalise(norm, x(), x());
  }
}

}  // namespace pyattn
