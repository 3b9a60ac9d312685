#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "ops/attention_step.h"

namespace pyattn {

/// The attention of each row of a step to the tokens of its source: the weights
/// of some heads of its cross-attention, averaged.
///
/// Attention's kernels do not store these weights. Few callers need them, so
/// they are computed a second time, for the few heads that matter.
class Alignments {
 public:
  Alignments() : starts_{0} {}

  /// One more row, over so many source tokens. Without heads it is empty.
  void add_row(const AlignmentHeads* heads, int64_t time);

  /// Adds the weights of the wanted heads of a layer, whose queries are q
  /// [rows, heads * head_dim]; split over threads.
  void add_layer(const StepCall& call, ConstRows q,
                 const std::vector<StepMemory>& memories);

  /// [time], which adds up to 1.
  std::span<const float> of(int64_t row) const { return of(row, row + 1); }

  /// Those of consecutive rows, concatenated.
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
