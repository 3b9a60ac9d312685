#include "search/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace pyattn {

bool better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) {
    return a.score > b.score;
  }
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

bool wants_sum(const SearchOptions& options) {
  return options.returns_scores() || options.prefix_bias_beta > 0;
}

NextTokens::NextTokens(const SearchOptions& options, const NextRules& rules,
                       Edited edited, const Answers& answers, int64_t row)
    : options_(options), rules_(rules), answers_(answers), row_(row) {
  const std::span<const float> raw = answers.apart(row);
  // Renormalising, probabilities are of the edited logits; otherwise they stay
  // the model's, and an edited score is no probability any more.
  const bool on_logits = options.renormalize || edited == Edited::kLogits;
  std::vector<float> logits;
  for (size_t i = 0; i < raw.size(); ++i) {
    logits.push_back(on_logits ? rules.edits[i].apply(raw[i]) : raw[i]);
  }
  sum_ = wants_sum(options)
             ? answers.rest[row].with(options.renormalize ? logits : raw)
             : LogSum::none();
  for (size_t i = 0; i < raw.size(); ++i) {
    const int32_t token = rules.edits[i].token;
    float score = sum_.log_prob(logits[i]);
    score = biased(token, on_logits ? score : rules.edits[i].apply(score));
    if (score > -std::numeric_limits<float>::infinity()) {
      edited_.push_back({token, score, on_logits ? logits[i] : score});
    }
  }
}

std::vector<Candidate> NextTokens::best() const {
  std::vector<Candidate> best;
  const int64_t begin = row_ * answers_.k;
  for (int64_t i = begin; i < begin + answers_.found[row_]; ++i) {
    best.push_back(plain(answers_.ids[i], answers_.logits[i]));
  }
  for (const Candidate& one : edited_) {
    best.insert(std::lower_bound(best.begin(), best.end(), one, better), one);
  }
  return best;
}

Candidate NextTokens::plain(int32_t token, float logit) const {
  return {token, biased(token, sum_.log_prob(logit)), logit};
}

// A prefix that is not certain: its token gets a share of `beta`, and the
// model's distribution the rest (CTranslate2's biased decoding).
float NextTokens::biased(int32_t token, float score) const {
  if (rules_.expected < 0) {
    return score;
  }
  const float beta = options_.prefix_bias_beta;
  return token == rules_.expected
             ? std::log(beta + (1 - beta) * std::exp(score))
             : score + std::log1p(-beta);
}

}  // namespace pyattn
