#include "ops/urn.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <utility>

#include "ops/projection.h"

namespace pyattn {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// In double: of 50,000 tokens each has a share of a float's last digits.
std::vector<double> running_sums(std::span<const double> logs) {
  const double most = *std::max_element(logs.begin(), logs.end());
  std::vector<double> sums;
  sums.reserve(logs.size());
  double sum = 0;
  for (const double log : logs) {
    sums.push_back(sum += std::exp(log - most));
  }
  return sums;
}

}  // namespace

double log_sum(std::span<const double> logs) {
  if (logs.empty()) {
    return kNever;
  }
  const double most = *std::max_element(logs.begin(), logs.end());
  const double sum = running_sums(logs).back();
  return std::isfinite(sum) ? most + std::log(sum) : kNever;
}

Pick pick(std::span<const double> logs, double share) {
  const std::vector<double> sums = running_sums(logs);
  // Rounding must not take it to the end.
  constexpr double kMost = 1 - DBL_EPSILON / 2;
  const double at = std::min(share, kMost) * sums.back();
  const auto passes = std::upper_bound(sums.begin(), sums.end(), at);
  const double before = passes == sums.begin() ? 0 : *(passes - 1);
  return {static_cast<size_t>(passes - sums.begin()),
          std::clamp((at - before) / (*passes - before), 0.0, kMost)};
}

Urn::Urn(const Projection& projection, int64_t row)
    : projection_(projection), row_(row) {
  const ChunkSums of = projection.tempered(row);
  for (size_t chunk = 0; chunk < of.sums.size(); ++chunk) {
    logs_.push_back(of.maxima[chunk] == kNever
                        ? kNever
                        : of.maxima[chunk] + std::log(double{of.sums[chunk]}));
  }
}

std::vector<double> Urn::exponents(std::span<const float> logits) const {
  const float inverse = projection_.inverse_temperature(row_);
  std::vector<double> exponents;
  exponents.reserve(logits.size());
  for (const float logit : logits) {
    exponents.push_back(double{logit * inverse});
  }
  return exponents;
}

bool Urn::is_empty() const { return !(log_sum() > kNever); }

Urn::Found Urn::find(double uniform) const {
  const auto [chunk, part] = pick(logs_, uniform);
  std::vector<float> logits = projection_.logits(row_, chunk);
  const int64_t first = projection_.first_column(chunk);
  for (const int64_t column : taken_) {
    if (column >= first && column - first < std::ssize(logits)) {
      logits[static_cast<size_t>(column - first)] = kNever;
    }
  }
  const size_t column = pick(exponents(logits), part).index;
  return {chunk, column, std::move(logits)};
}

Token Urn::token(const Found& found) const {
  const int64_t first = projection_.first_column(found.chunk);
  return {projection_.id_of(first + static_cast<int64_t>(found.column)),
          found.logits[found.column]};
}

Token Urn::at(double uniform) const {
  return is_empty() ? Token() : token(find(uniform));
}

Token Urn::take(double uniform) {
  if (is_empty()) {
    return {};
  }
  Found found = find(uniform);
  const Token taken = token(found);
  taken_.push_back(projection_.first_column(found.chunk) +
                   static_cast<int64_t>(found.column));
  found.logits[found.column] = kNever;
  logs_[found.chunk] = pyattn::log_sum(exponents(found.logits));
  return taken;
}

}  // namespace pyattn
