#pragma once

#include <cstdint>
#include <vector>

#include "ops/vocabulary.h"
#include "search/constraints.h"

namespace pyattn {

/// A token that may come next.
struct Candidate {
  int32_t token;
  float score;  // its log-probability, as the options want it
  float logit;  // after edits
};

/// Better scores first, then better logits, which may have rounded to the same
/// score, then lower ids.
bool better(const Candidate& a, const Candidate& b);

/// Which numbers edits are made to. transformers makes them to logits where one
/// token is chosen at a time, and to log-probabilities in beam search.
enum class Edited { kLogits, kLogProbs };

/// The distribution of what follows one row, edits made.
class NextTokens {
 public:
  NextTokens(const SearchOptions& options, const NextRules& rules,
             Edited edited, const Answers& answers, int64_t row);

  /// The best ones, at least as many as the question asked for, if there are so
  /// many that may come.
  std::vector<Candidate> best() const;

  /// Those whose logits were edited and that still may come.
  const std::vector<Candidate>& edited() const { return edited_; }

  /// One that was not edited.
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
