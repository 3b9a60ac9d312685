#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/vocabulary.h"

namespace pyattn {

/// The logarithm of the sum of weights, of which the logarithms are given;
/// minus infinity if there are none, or one is NaN.
double log_sum(std::span<const double> logs);

/// One of several weights, and a fraction of it in [0, 1).
struct Pick {
  size_t index;
  double part;
};

/// The weight at which the running sum passes this share of the total, a number
/// in [0, 1). Their `log_sum` must not be minus infinity.
Pick pick(std::span<const double> logs, double share);

/// The columns of a row, without those apart, to draw from without replacement.
/// Every draw computes the logits of the one chunk that it falls into. `take`
/// then sums the rest of that chunk again: to subtract a likely token from the
/// sum would leave little but the rounding errors of unlikely ones.
class Urn {
 public:
  /// The row's question must want draws; the projection must outlive the urn.
  Urn(const Projection& projection, int64_t row);

  /// The logarithm of the sum of exp(logit * inverse_temperature) over the
  /// remaining columns; minus infinity if there are none, or one is NaN.
  double log_sum() const { return pyattn::log_sum(logs_); }

  /// The token at which the running sum of the remaining probabilities, in the
  /// order of the columns, passes `uniform`, a number in [0, 1). The id is -1
  /// if nothing remains.
  Token at(double uniform) const;

  /// The same, and removes it.
  Token take(double uniform);

 private:
  struct Found {
    size_t chunk, column;       // column of the chunk
    std::vector<float> logits;  // of the chunk; minus infinity where taken
  };

  bool is_empty() const;
  Found find(double uniform) const;
  Token token(const Found& found) const;
  std::vector<double> exponents(std::span<const float> logits) const;

  const Projection& projection_;
  const int64_t row_;
  std::vector<double> logs_;    // [chunks]: of the sum of what remains of each
  std::vector<int64_t> taken_;  // columns
};

}  // namespace pyattn
