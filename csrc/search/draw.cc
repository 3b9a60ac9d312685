#include "search/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "search/search.h"

namespace pyattn {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// Where top_p or min_p decide, the number of best tokens to begin with: most
// nuclei are smaller.
constexpr int64_t kFirstAsked = 32;
// The maximum that all rows of a step list at once; a row that needs more gets
// its list by itself, so that a large top_k does not cost memory for every row.
constexpr int64_t kMostAsked = 256;

bool takes_all(const SearchOptions& options) {
  return options.top_k == 0 && options.top_p == 1 && options.min_p == 0;
}

}  // namespace

Question Draw::question(const SearchOptions& options, int64_t least,
                        std::span<const int32_t> apart) {
  const int64_t listed =
      options.top_k > 0 ? std::max<int64_t>(options.top_k, least) : kFirstAsked;
  return {takes_all(options) ? 1 : std::min(listed, kMostAsked), apart,
          1 / options.temperature};
}

Draw::Draw(const SearchOptions& options, int64_t least, NextTokens next,
           const Answers& answers, int64_t row)
    : options_(options),
      next_(std::move(next)),
      answers_(answers),
      row_(row),
      inverse_temperature_(1 / options.temperature),
      plain_(next_.plain(-1, 0).score * inverse_temperature_),
      listed_(takes_all(options) ? next_.edited() : kept(least)) {
  for (const Candidate& one : listed_) {
    logs_.push_back(exponent(one));
  }
  if (takes_all(options)) {
    urn_.emplace(*answers.projection, row);
    logs_.push_back(urn_->log_sum() + plain_);
  }
}

Candidate Draw::at(double share) const {
  check(log_sum() > kNever, "generate", kNoToken);
  const auto [index, part] = pick(logs_, share);
  if (index < listed_.size()) {
    return listed_[index];
  }
  const Token token = urn_->at(part);
  return next_.plain(token.id, token.logit);
}

Candidate Draw::take(double share) {
  const auto [index, part] = pick(logs_, share);
  if (index == listed_.size()) {
    const Token token = urn_->take(part);
    logs_.back() = urn_->log_sum() + plain_;
    return next_.plain(token.id, token.logit);
  }
  logs_[index] = kNever;
  return listed_[index];
}

// The logarithm of the weight of all tokens that may come.
double Draw::log_total() const {
  std::vector<double> logs;
  for (const Candidate& one : next_.edited()) {
    logs.push_back(exponent(one));
  }
  const LogSum& rest = answers_.tempered[row_];
  logs.push_back(double{rest.max} + rest.log + plain_);
  return pyattn::log_sum(logs);
}

// The best tokens that top_k, top_p and min_p leave. The list grows until it
// is longer than what they leave, which shows that nothing is missing.
std::vector<Candidate> Draw::kept(int64_t least) const {
  int64_t count = options_.top_k > 0 ? std::max<int64_t>(options_.top_k, least)
                                     : kFirstAsked;
  while (true) {
    std::vector<Candidate> tokens = best(count);
    const bool complete = static_cast<int64_t>(tokens.size()) < count;
    const size_t known = tokens.size();
    const size_t keep = cut(tokens, static_cast<size_t>(least));
    if (options_.top_k > 0 || complete || keep < known) {
      tokens.resize(keep);
      return tokens;
    }
    count *= 4;
  }
}

// The best `count` of all tokens; fewer if there are fewer.
std::vector<Candidate> Draw::best(int64_t count) const {
  std::vector<Candidate> best;
  if (count <= answers_.k) {
    const int64_t begin = row_ * answers_.k;
    const int64_t known = std::min<int64_t>(count, answers_.found[row_]);
    for (int64_t i = begin; i < begin + known; ++i) {
      best.push_back(next_.plain(answers_.ids[i], answers_.logits[i]));
    }
  } else {
    for (const Token& token : answers_.best(row_, count)) {
      best.push_back(next_.plain(token.id, token.logit));
    }
  }
  for (const Candidate& one : next_.edited()) {
    best.insert(std::lower_bound(best.begin(), best.end(), one, better), one);
  }
  best.resize(std::min(best.size(), static_cast<size_t>(count)));
  return best;
}

// How many of the best tokens top_p and min_p leave, at least `least`.
size_t Draw::cut(const std::vector<Candidate>& tokens, size_t least) const {
  if (tokens.empty()) {
    return 0;
  }
  std::vector<double> logs;
  for (const Candidate& one : tokens) {
    logs.push_back(exponent(one));
  }
  const double all = options_.top_k > 0 ? pyattn::log_sum(logs) : log_total();
  const double bar = logs.front() + std::log(double{options_.min_p});
  double passed = 0;
  size_t keep = 0;
  while (keep < logs.size() && passed < options_.top_p && logs[keep] >= bar) {
    passed += std::exp(logs[keep] - all);
    ++keep;
  }
  return std::min(std::max(keep, least), tokens.size());
}

}  // namespace pyattn
