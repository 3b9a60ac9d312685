#include "ops/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/projection.h"
#include "ops/urn.h"
#include "ops/vocabulary_search.h"

namespace pyattn {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// How many of the best a nucleus is looked for in at first.
constexpr int64_t kFirstNucleus = 32;

}  // namespace

LogSum LogSum::with(std::span<const float> logits) const {
  const float most =
      std::accumulate(logits.begin(), logits.end(), max,
                      [](float a, float b) { return std::max(a, b); });
  if (most == kNever) {
    return *this;
  }
  float sum = max == kNever ? 0.0F : std::exp((max - most) + log);
  for (const float logit : logits) {
    sum += std::exp(logit - most);
  }
  return {most, std::log(sum)};
}

Token Answers::draw(int64_t row, double uniform) const {
  return Urn(*projection, row).at(uniform);
}

Token Answers::draw(int64_t row, double uniform, double mass) const {
  const float temper = projection->inverse_temperature(row);
  for (int64_t count = std::max(k, kFirstNucleus);; count *= 4) {
    const std::vector<Token> tokens = best(row, count);
    std::vector<double> sums;
    double sum = 0;
    for (const Token& token : tokens) {
      sum += std::exp(double{tempered[row].log_prob(token.logit * temper)});
      sums.push_back(sum);
      if (sum >= mass) {
        break;
      }
    }
    if (sum >= mass || static_cast<int64_t>(tokens.size()) < count) {
      const auto at = std::upper_bound(sums.begin(), sums.end(), uniform * sum);
      return at == sums.end() ? Token() : tokens[at - sums.begin()];
    }
  }
}

std::vector<Token> Answers::best(int64_t row, int64_t count) const {
  const int64_t begin = apart_starts[row];
  const std::span<const int32_t> own = {
      apart_ids.data() + begin,
      static_cast<size_t>(apart_starts[row + 1] - begin)};
  const Answers again = projection->ask(row, {count, own});
  std::vector<Token> tokens;
  for (int32_t i = 0; i < again.found[0]; ++i) {
    tokens.push_back({again.ids[i], again.logits[i]});
  }
  return tokens;
}

Answers best_tokens(const Vocabulary& vocabulary, ConstRows x,
                    const std::vector<Question>& questions) {
  const VocabularySearch* const search = vocabulary.search;
  if (search != nullptr &&
      std::all_of(questions.begin(), questions.end(),
                  VocabularySearch::suits) &&
      search->pays(static_cast<int64_t>(questions.size()))) {
    return search->best(x, questions);
  }
  const auto projection =
      std::make_shared<Projection>(vocabulary, x, questions);
  projection->run();
  Answers answers = projection->take();
  answers.projection = projection;
  return answers;
}

}  // namespace pyattn
