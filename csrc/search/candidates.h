#pragma once

#include <cstdint>
#include <vector>

#include "ops/vocabulary.h"
#include "search/constraints.h"

namespace pyattn {

/// A token that may come next.
struct Candidate {
  int32_t token;
  float score;  // its log-probability after edits
  float logit;  // after edits; breaks ties between scores
};

/// Higher scores first, then higher logits, which may have rounded to the same
/// score, then lower ids.
bool better(const Candidate& a, const Candidate& b);

/// Which numbers edits change, unless options renormalise: those that
/// transformers changes, logits in greedy search and sampling,
/// log-probabilities in beam search.
enum class Edited { kLogits, kLogProbs };

/// Whether a search needs log-probabilities. Greedy search does not, unless
/// its caller wants scores or a prefix is mixed into the distribution: the
/// largest logit is the answer.
bool wants_sum(const SearchOptions& options);

/// The distribution of the token that follows one row, after edits. The
/// projection tells the sum over all tokens that are not edited; this adds the
/// edited ones to it, before or after their edits.
class NextTokens {
 public:
  NextTokens(const SearchOptions& options, const NextRules& rules,
             Edited edited, const Answers& answers, int64_t row);

  /// The best tokens: all that the question asked for, and all edited ones that
  /// may come.
  std::vector<Candidate> best() const;

  /// The edited tokens that are not forbidden.
  const std::vector<Candidate>& edited() const { return edited_; }

  /// A token that is not edited.
  Candidate plain(int32_t token, float logit) const;

 private:
  float biased(int32_t token, float score) const;

  const SearchOptions& options_;
  const NextRules& rules_;
  const Answers& answers_;
  const int64_t row_;
  LogSum sum_;
  std::vector<Candidate> edited_;  // tokens ascend
};

}  // namespace pyattn
