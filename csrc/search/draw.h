#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ops/urn.h"
#include "ops/vocabulary.h"
#include "search/candidates.h"
#include "search/options.h"

namespace pyattn {

/// The tokens that may follow a row, to draw from without replacement. Their
/// weights are exp(score / temperature); top_k, top_p and min_p exclude the
/// unlikely.
class Draw {
 public:
  /// The row's question. top_k, top_p and min_p leave at least `least` tokens,
  /// if there are as many.
  static Question question(const SearchOptions& options, int64_t least,
                           std::span<const int32_t> apart);

  Draw(const SearchOptions& options, int64_t least, NextTokens next,
       const Answers& answers, int64_t row);

  /// The logarithm of the weight of all remaining tokens; minus infinity if
  /// there are none.
  double log_sum() const { return pyattn::log_sum(logs_); }

  /// The token at which the running sum of the remaining weights, in a fixed
  /// order, passes this share of their total, a number in [0, 1).
  Candidate at(double share) const;

  /// The same, and removes it. A token must remain.
  Candidate take(double share);

 private:
  double exponent(const Candidate& one) const {
    return double{one.score} * inverse_temperature_;
  }
  double log_total() const;
  std::vector<Candidate> kept(int64_t least) const;
  std::vector<Candidate> best(int64_t count) const;
  size_t cut(const std::vector<Candidate>& tokens, size_t least) const;

  const SearchOptions& options_;
  const NextTokens next_;
  const Answers& answers_;
  const int64_t row_;
  const double inverse_temperature_;
  // Of tokens without edits: exponent - logit / temperature.
  const double plain_;
  std::vector<Candidate> listed_;
  std::optional<Urn> urn_;    // all others, unless they are excluded
  std::vector<double> logs_;  // of the weights: of listed_, then of urn_
};

}  // namespace pyattn
