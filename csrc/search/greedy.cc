#include <cmath>

#include "base/check.h"
#include "search/search.h"

namespace pyattn {
namespace {

// The best token at every step, the lowest id among equals.
class Greedy : public Search {
 public:
  using Search::Search;

  void ask(std::vector<Question>& questions) const override {
    questions.push_back({1, apart_});
  }

  void advance(const Answers& answers, int64_t first) override {
    const bool last = length_ + 1 == options().max_new_tokens;
    int32_t token = task_.end;
    float score = 0;  // of an end that is forced
    if (!(last && options().force_end)) {
      check(answers.found[first] > 0, "generate",
            "no token may follow: all are suppressed, or the model's output is "
            "not a number");
      token = answers.ids[first * answers.k];
      score = answers.rest[first]
                  .with(answers.apart(first))
                  .log_prob(answers.logits[first * answers.k]);
    }
    const std::span<const float> alignment = answers.alignment(first);
    alignment_.insert(alignment_.end(), alignment.begin(), alignment.end());
    ++length_;
    set_apart();
    tokens_.push_back(token);
    scores_.push_back(score);
    rows_.clear();
    if (token == task_.end) {
      reason_ = FinishReason::kEnd;
    } else if (!last) {
      rows_.push_back({token, 0});
    }
  }

  void stop() override {
    reason_ = FinishReason::kTimeout;
    rows_.clear();
  }

  std::vector<Found> results() override {
    Found found = {tokens_, scores_, 0, reason_, alignment_};
    if (reason_ == FinishReason::kEnd) {
      found.tokens.pop_back();
    }
    for (const float score : scores_) {
      found.score += score;
    }
    if (length_ > 0) {
      found.score /=
          static_cast<float>(std::pow(length_, options().length_penalty));
    }
    return {std::move(found)};
  }

  Decided decided() const override { return {tokens_, scores_}; }

 private:
  std::vector<int32_t> tokens_;
  std::vector<float> scores_;
  std::vector<float> alignment_;
  FinishReason reason_ = FinishReason::kLength;
};

}  // namespace

std::unique_ptr<Search> make_greedy(const SearchTask& task) {
  return std::make_unique<Greedy>(task);
}

}  // namespace pyattn
