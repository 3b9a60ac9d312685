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

/// What follows a row, to draw from without putting back: tokens have weights
/// of exp(score / temperature), where top_k, top_p and min_p leave them.
class Draw {
 public:
  /// What the row is asked. The three leave `least` tokens if there are so
  /// many.
  static Question question(const SearchOptions& options, int64_t least,
                           std::span<const int32_t> apart);

  Draw(const SearchOptions& options, int64_t least, NextTokens next,
       const Answers& answers, int64_t row);

  /// The logarithm of the weight of all that is left; minus infinity of
  /// nothing.
  double log_sum() const { return pyattn::log_sum(logs_); }

  /// The token at which the weights of what is left, added in a fixed order,
  /// pass this share of all, a number in [0, 1).
  Candidate at(double share) const;

  /// The same, and it is left no more. Something is left.
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
  // Of tokens that were not edited, exponents less logits / temperature.
  const double plain_;
  std::vector<Candidate> listed_;
  std::optional<Urn> urn_;    // all that are not listed, if they may come
  std::vector<double> logs_;  // of the weights of the listed, then of the urn
};

}  // namespace pyattn
