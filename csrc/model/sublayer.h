#pragma once

#include <cstdint>
#include <utility>

#include "base/buffer.h"
#include "model/weights.h"
#include "ops/feed_forward.h"
#include "ops/norm.h"
#include "ops/rows.h"

namespace pyattn {

/// The residual stream of a stack's rows, and how a sub-layer joins it: after
/// its own norm ("pre") or with a norm behind the sum ("post").
class Stream {
 public:
  Stream(const ModelWeights& weights, int64_t rows);

  /// The norm of the embeddings, where the model has one, and they are in x.
  void begin(const NormWeights& norm);

  /// x = norm(x + branch(x)) or x + branch(norm(x)). `branch(in, residual,
  /// out)` reads its input in the form that `first`, its first product, asks
  /// for, adds the residual to what it computes and writes that to `out`. A
  /// norm and the conversion of its result are one pass, so a norm behind a sum
  /// waits for whoever reads it.
  template <class Branch>
  void sublayer(const NormWeights& norm, const PackedLinear& first,
                Branch&& branch) {
    if (weights_.config.pre_norm) {
      normalise(norm, normal(), &first);
    } else if (waiting_ != nullptr) {
      normalise(*waiting_, x(), &first);
    } else {
      input_.prepare(first, x().read(), rows_);
    }
    branch(input_, x().read(), x());
    waiting_ = weights_.config.pre_norm ? nullptr : &norm;
  }

  /// The last sub-layer of every layer.
  void feed_forward(const FeedForwardWeights& weights);

  /// The last norm, and that at the end of a stack, where the model has one.
  void finish(const NormWeights& norm);

  Rows x() { return {x_.data(), weights_.config.dim}; }
  int64_t rows() const { return rows_; }

  /// Gives the rows away, [rows, dim].
  Buffer<float> take() { return std::move(x_); }

  /// Room for what a branch computes before its last product.
  Buffer<float>& room() { return room_; }

 private:
  Rows normal() { return {normal_.data(), weights_.config.dim}; }
  // Of x, as floats into `to` and in the form that `next` asks for, if any.
  void normalise(const NormWeights& norm, Rows to, const PackedLinear* next);

  const ModelWeights& weights_;
  const int64_t rows_;
  Buffer<float> x_, normal_, room_;
  LinearInput input_;
  Middle middle_;
  const NormWeights* waiting_ = nullptr;  // a norm of x that is due
};

}  // namespace pyattn
