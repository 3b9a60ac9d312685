#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/vocabulary.h"

namespace pyattn {

/// The logarithm of the sum of weights that are known by their logarithms;
/// minus infinity where there are none, or one is not a number.
double log_sum(std::span<const double> logs);

/// One of several weights, and a part of it in [0, 1).
struct Pick {
  size_t index;
  double part;
};

/// Where the sum of the weights, added in their order, passes this share of
/// all, a number in [0, 1). Their `log_sum` is not minus infinity.
Pick pick(std::span<const double> logs, double share);

/// The columns of a row that are not apart, to draw from without putting back.
/// Every draw computes the logits of the one chunk of columns that it falls
/// into, and makes that chunk's sum anew of what is left there: taken away from
/// a sum, the likely would leave nothing but rounding of the unlikely.
class Urn {
 public:
  /// The row's question wants draws; the projection outlives the urn.
  Urn(const Projection& projection, int64_t row);

  /// The logarithm of the sum of exp(logit * inverse_temperature) of what is
  /// left; minus infinity of nothing, and where there is no distribution.
  double log_sum() const { return pyattn::log_sum(logs_); }

  /// The token at which the probabilities of what is left, added in the order
  /// of the columns, pass `uniform`, a number in [0, 1). The id is -1 where
  /// nothing is left.
  Token at(double uniform) const;

  /// The same, and it is left no more.
  Token take(double uniform);

 private:
  struct Found {
    size_t chunk, column;       // column of the chunk
    std::vector<float> logits;  // of what is left of the chunk
  };

  bool is_empty() const;
  Found find(double uniform) const;
  Token token(const Found& found) const;
  std::vector<double> exponents(std::span<const float> logits) const;

  const Projection& projection_;
  const int64_t row_;
  std::vector<double> logs_;    // [chunks]: of the sum of what is left of each
  std::vector<int64_t> taken_;  // columns
};

}  // namespace pyattn
