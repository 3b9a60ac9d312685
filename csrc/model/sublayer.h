#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "base/buffer.h"
#include "model/weights.h"
#include "ops/feed_forward.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/rotary.h"
#include "ops/rows.h"

namespace pyattn {

/// to = norm(from), as floats, and as words where they have data.
void apply_norm(const ModelWeights& weights, const NormWeights& norm,
                int64_t rows, ConstRows from, Rows to, const WordRows& words);

/// The residual stream of a stack's rows, and how a sub-layer joins it: after
/// its own norm ("pre"), with a norm behind the sum ("post"), or with a norm
/// before and one behind it, ahead of the sum ("both").
class Stream {
 public:
  /// The last `states` rows are an encoder's states, with norms of their own.
  Stream(const ModelWeights& weights, int64_t rows, int64_t states = 0);

  /// x = the embeddings of tokens at their positions, before their norm.
  void embed(const EmbeddingWeights& embedding, std::span<const int32_t> ids,
             std::span<const int32_t> positions);

  /// x += the embeddings of the rows' types, where the model has types; none
  /// given is type 0 for all.
  void add_types(const EmbeddingWeights& embedding,
                 std::span<const int32_t> types);

  /// x = norm(x), where the model normalises embeddings.
  void begin(const NormWeights& norm);

  /// x = norm(x + branch(x)), x + branch(norm(x)) or x + after(branch(norm(
  /// x))). `branch(in, residual, out)` gets its input in the form that `first`,
  /// its first product, reads; to its result it adds the residual, if there is
  /// one, and writes the sum to `out`. A norm and the conversion of its result
  /// are one pass, so a norm after a sum is delayed until its result is read.
  /// A branch that only reads `input()` has no first product. An empty norm
  /// leaves x as the branch's input.
  template <class Branch>
  void sublayer(const BlockNorms& norms, const PackedLinear* first,
                Branch&& branch) {
    const bool before = side() != NormSide::kPost && !norms.norm.empty();
    in_ = before ? normal().read() : x().read();
    if (before) {
      normalise(norms.norm, x().read(), normal(), first, &norms.states);
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

  /// The input of the current branch, as floats.
  ConstRows input() const { return in_; }

  /// Self-attention of a layer. `attend(qkv, heads)` is what differs between
  /// encoder and decoder: it reads queries, keys and values of all rows, one
  /// behind the other in a row, and writes the outputs of all heads.
  template <class Attend>
  void self_attention(const AttentionSizes& sizes,
                      const SelfAttentionWeights& attention,
                      const Rotation& rotation,
                      std::span<const int32_t> positions, Attend&& attend) {
    sublayer(attention.norms, &attention.qkv,
             [&](const LinearInput& in, ConstRows residual, Rows out) {
               const int64_t width = sizes.width();
               const int64_t joined = width + 2 * sizes.kv_width();
               float* const scratch =
                   scratch_.at_least(rows_ * (joined + width));
               const Rows qkv = {scratch, joined};
               const Rows heads = {scratch + rows_ * joined, width};
               linear(attention.qkv, in, rows_, qkv, {});
               normalise_heads(sizes, attention, qkv);
               if (rotation.head_dim > 0) {
                 // Keys stand behind the queries.
                 rotate(rotation, positions, sizes.heads + sizes.kv_heads, qkv);
               }
               attend(qkv.read(), heads);
               linear(attention.output, heads.read(), rows_, out,
                      {.residual = residual});
             });
  }

  /// The last sub-layer of every layer.
  void feed_forward(const FeedForwardWeights& weights);

  /// Applies a delayed norm, and the one at the end of a stack, if there is
  /// one.
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
  // As floats into `to`, and in the form that `next` reads, if it is not null.
  // `states`: the norm of rows that are states, if it differs.
  void normalise(const NormWeights& norm, ConstRows from, Rows to,
                 const PackedLinear* next, const NormWeights* states = nullptr);
  void add(ConstRows branch);
  // Each head of queries and keys, where the model normalises these.
  void normalise_heads(const AttentionSizes& sizes,
                       const SelfAttentionWeights& attention, Rows qkv);

  const ModelWeights& weights_;
  const int64_t rows_, states_;
  Buffer<float> x_, normal_, branch_, scratch_;
  ConstRows in_ = {nullptr, 0};  // of the current branch
  LinearInput input_;
  Middle middle_;
  const NormWeights* waiting_ = nullptr;  // a delayed norm of x
};

}  // namespace pyattn
