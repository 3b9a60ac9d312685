#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/table.h"
#include "ops/linear.h"
#include "ops/selection.h"

namespace pyattn {

/// y[row] = table[ids[row]] * scale + positions[position_ids[row]], split over
/// threads.
void embed(const KernelTable& table, const EmbedArgs& args);

/// What is asked of one row of output.
struct Question {
  int64_t k = 1;  // tokens, the best ones
  /// Ids, ascending, that the caller judges itself: they are neither among the
  /// best nor in the sum, and their logits are told.
  std::span<const int32_t> apart;
};

/// The logarithm of a sum of exponentials, in two parts: the largest exponent,
/// and the logarithm of the sum over its exponential.
struct LogSum {
  float max = -std::numeric_limits<float>::infinity();
  float log = -std::numeric_limits<float>::infinity();

  /// Near zero it keeps its digits, since the large parts go first.
  float log_prob(float logit) const { return (logit - max) - log; }

  /// That of these logits too.
  LogSum with(std::span<const float> logits) const;
};

/// The answers for each row.
struct Answers {
  int64_t k = 0;               // the most that was asked
  std::vector<int32_t> found;  // [rows], at most k
  std::vector<int32_t> ids;   // [rows, k], from the best down; equal ones by id
  std::vector<float> logits;  // [rows, k]
  std::vector<LogSum> rest;   // [rows]: of all columns that are not apart
  std::vector<int64_t> apart_starts;  // [rows + 1]
  std::vector<float> apart_logits;    // row behind row; -inf of no column

  std::span<const float> apart(int64_t row) const {
    const int64_t begin = apart_starts[row];
    return {apart_logits.data() + begin,
            static_cast<size_t>(apart_starts[row + 1] - begin)};
  }
};

/// The columns that are computed: a selection of the output's, or all.
struct Vocabulary {
  const PackedLinear& output;
  const Selection* selection;  // of `output`; null is all of it
};

/// The best tokens of each row of x W^T + bias, and its sum of exponentials.
/// The logits exist for a few hundred columns at a time and are never stored as
/// a whole. Ids are always those of the whole output. There is one question for
/// each row.
Answers best_tokens(const Vocabulary& vocabulary, ConstRows x,
                    const std::vector<Question>& questions);

}  // namespace pyattn
