#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/attention.h"

namespace pyattn {

/// A head of a decoder layer's cross-attention.
struct AlignmentHead {
  int32_t layer, head;
};
using AlignmentHeads = std::vector<AlignmentHead>;

/// How much each row of a step looks at the tokens of its source: the weights
/// of some heads of its cross-attention, averaged.
///
/// Attention itself makes these weights and forgets them. Few ask for them, so
/// they are computed once more, of the few heads that matter, and attention's
/// kernels need not know.
class Alignments {
 public:
  Alignments() : starts_{0} {}

  /// One more row, over so many source tokens. Without heads it is empty.
  void add_row(const AlignmentHeads* heads, int64_t time);

  /// Takes up the heads of a layer, whose queries are q [rows, heads *
  /// head_dim], split over threads.
  void add_layer(const StepCall& call, int32_t layer, ConstRows q,
                 const std::vector<StepMemory>& memories);

  /// [time], which adds up to 1.
  std::span<const float> of(int64_t row) const { return of(row, row + 1); }

  /// Those of consecutive rows, one behind the other.
  std::span<const float> of(int64_t begin, int64_t end) const {
    return {weights_.data() + starts_[begin],
            static_cast<size_t>(starts_[end] - starts_[begin])};
  }

 private:
  std::vector<const AlignmentHeads*> heads_;  // [rows]
  std::vector<int64_t> starts_;               // [rows + 1]
  std::vector<float> weights_;                // row behind row
};

}  // namespace pyattn
