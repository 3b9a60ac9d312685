#include <cmath>

#include "base/check.h"
#include "search/search.h"

namespace pyattn {
namespace {

// The best token at every step, the lowest id among equals.
class Greedy : public Search {
 public:
  using Search::Search;

  int32_t candidates() const override { return 1; }

  void advance(const Candidates& best, int64_t first) override {
    const bool last = length_ + 1 == options_.max_new_tokens;
    int32_t token = end_;
    float score = 0;  // of an end that is forced
    if (!(last && options_.force_end)) {
      check(best.found[first] > 0, "generate",
            "no token may follow: all are suppressed, or the model's output is "
            "not a number");
      token = best.ids[first * best.k];
      score = best.log_probs[first * best.k];
    }
    ++length_;
    found_.token_scores.push_back(score);
    found_.score += score;
    found_.ended = token == end_;
    if (!found_.ended) {
      found_.tokens.push_back(token);
    }
    rows_.clear();
    if (!found_.ended && !last) {
      rows_.push_back({token, 0});
    }
  }

  std::vector<Found> results() override {
    found_.score /=
        static_cast<float>(std::pow(length_, options_.length_penalty));
    return {std::move(found_)};
  }

 private:
  Found found_ = {};
};

}  // namespace

std::unique_ptr<Search> make_greedy(const SearchOptions& options, int32_t start,
                                    int32_t end) {
  return std::make_unique<Greedy>(options, start, end);
}

}  // namespace pyattn
