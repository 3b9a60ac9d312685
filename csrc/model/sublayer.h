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
/// its own norm ("pre"), with a norm behind the sum ("post"), or with a norm
/// before and one behind it, ahead of the sum ("both").
class Stream {
 public:
  Stream(const ModelWeights& weights, int64_t rows);

  /// The norm of the embeddings, where the model has one, and they are in x.
  void begin(const NormWeights& norm);

  /// x = norm(x + branch(x)), x + branch(norm(x)) or x + after(branch(norm(
  /// x))). `branch(in, residual, out)` reads its input in the form that
  /// `first`, its first product, asks for, adds the residual, if there is one,
  /// to what it computes and writes that to `out`. A norm and the conversion of
  /// its result are one pass, so a norm behind a sum waits for whoever reads
  /// it. A branch that reads `input()` alone has no first product.
  template <class Branch>
  void sublayer(const BlockNorms& norms, const PackedLinear* first,
                Branch&& branch) {
    if (side() != NormSide::kPost) {
      normalise(norms.norm, x().read(), normal(), first);
    } else if (waiting_ != nullptr) {
      normalise(*waiting_, x().read(), x(), first);
    } else if (first != nullptr) {
      input_.prepare(*first, x().read(), rows_);
    }
    if (side() == NormSide::kBoth) {
      const Rows out = {branch_.at_least(x_.size()), weights_.config.dim};
      branch(input_, ConstRows{nullptr, 0}, out);
      normalise(norms.after, out.read(), out, nullptr);
      add(out.read());
    } else {
      branch(input_, x().read(), x());
    }
    waiting_ = side() == NormSide::kPost ? &norms.norm : nullptr;
  }

  /// What a branch reads, as floats.
  ConstRows input() {
    return side() == NormSide::kPost ? x().read() : normal().read();
  }

  /// The last sub-layer of every layer.
  void feed_forward(const FeedForwardWeights& weights);

  /// The last norm, and that at the end of a stack, where the model has one.
  void finish(const NormWeights& norm);

  Rows x() { return {x_.data(), weights_.config.dim}; }
  int64_t rows() const { return rows_; }

  /// Gives the rows away, [rows, dim].
  Buffer<float> take() { return std::move(x_); }

  /// Memory for what a branch computes before its last product.
  Buffer<float>& scratch() { return scratch_; }

 private:
  NormSide side() const { return weights_.config.norm; }
  Rows normal() { return {normal_.data(), weights_.config.dim}; }
  // As floats into `to` and in the form that `next` asks for, if any.
  void normalise(const NormWeights& norm, ConstRows from, Rows to,
                 const PackedLinear* next);
  void add(ConstRows branch);

  const ModelWeights& weights_;
  const int64_t rows_;
  Buffer<float> x_, normal_, branch_, scratch_;
  LinearInput input_;
  Middle middle_;
  const NormWeights* waiting_ = nullptr;  // a norm of x that is due
};

}  // namespace pyattn
