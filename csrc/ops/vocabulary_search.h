#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/buffer.h"
#include "ops/packed_linear.h"
#include "ops/rows.h"
#include "ops/single_logits.h"
#include "ops/vocabulary.h"

namespace pyattn {

/// What pyattn.running.vocabulary_search derives from a model; it says why
/// bounds made of these hold.
struct SearchParts {
  /// The coordinates of a state x, as the output's product reads it: x A^T +
  /// bias. Of the output's number type; its numbers are exact in that.
  LinearPart axes;  // [coordinates, dim]
  /// How many coordinates are multiplied; norms stand for the others.
  int64_t kept;
  /// For each token its first coordinates, then its norms divided by `factors`
  /// and rounded up, all in the same steps.
  LinearPart bounds;           // [vocab, kept + kBoundNorms], int8
  float bounds_scale;          // a step
  std::vector<float> factors;  // [kBoundNorms]: what a state's norms are times
  /// By how much rounding can lift a logit over its bound: multiples of the
  /// norm of a state's coordinates, and of that of the first ones as rounded.
  float slack_per_norm, slack_per_kept;
  float most_norm;  // of a state's coordinates: beyond it sums may overflow
};

/// The best token of a row from a part of the product with the vocabulary.
///
/// A cheaper product yields bounds that no logit of a row exceeds. The exact
/// logits of the tokens with the highest bounds are computed first; tokens
/// whose bounds do not reach the best of those are never computed. So the
/// answer is the whole product's, and so are the bits of its logit. A row that
/// would need many logits has the product computed whole.
///
/// Thread-safe: any number of threads may use it. `output` must outlive it.
class VocabularySearch {
 public:
  VocabularySearch(const PackedLinear& output, const SearchParts& parts);

  /// Whether it can answer a question.
  static bool suits(const Question& question);

  /// Whether to use it for the next `rows` rows. Where rows of late needed many
  /// logits it pauses for some thousands. The answer changes no result.
  bool pays(int64_t rows) const;

  /// The same as `best_tokens` of all columns, for questions that it suits.
  Answers best(ConstRows x, const std::vector<Question>& questions) const;

  const PackedLinear& output() const { return output_; }
  int64_t bytes() const {
    return axes_.bytes() + bounds_.bytes() + rows_.bytes();
  }

  /// How much it has computed; for tests and benchmarks.
  struct Counts {
    int64_t rows, whole_rows, logits;  // `logits` without those of whole rows
  };
  Counts counts() const;

 private:
  friend class SearchRun;

  void count(const Counts& counts) const;

  /// A row with more candidates than this share of the columns is computed
  /// whole.
  int64_t whole_share() const;

  const PackedLinear& output_;
  const std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
  const PackedLinear axes_, bounds_;
  const OutputRows rows_;
  const int64_t kept_;
  const float bounds_scale_;
  const std::vector<float> factors_;
  const float slack_per_norm_, slack_per_kept_, most_norm_;
  mutable std::atomic<int64_t> counted_rows_{0}, whole_rows_{0}, logits_{0};
  // Of the current stretch of rows, for `pays`.
  mutable std::atomic<int64_t> recent_rows_{0}, recent_logits_{0};
  mutable std::atomic<int64_t> pause_{0};  // rows that do without
};

}  // namespace pyattn
