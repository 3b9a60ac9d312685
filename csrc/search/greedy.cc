#include <algorithm>
#include <utility>

#include "base/check.h"
#include "search/search.h"

namespace pyattn {
namespace {

// The best token at every step, the lowest id among equals. It advances one
// row, whose parent is always row 0.
class Greedy : public Search {
 public:
  Greedy(const SearchTask& task, const Path& begun)
      : Search(task, begun), path_(begun) {}

  void ask(std::vector<Question>& questions) const override {
    questions.push_back({.k = 1,
                         .apart = rules(0).apart,
                         .inverse_temperature = 0,
                         .sum = wants_sum(options()),
                         .apart_logits = some_edited_may_come()});
  }

  void advance(const StepAnswers& answers, int64_t first) override {
    const Candidate chosen = choose(answers, first);
    path_.add(chosen, answers.alignments[first]);
    rows_.clear();
    if (ends(chosen.token, path_.length())) {
      reason_ = finish_reason(chosen.token, path_.length());
    } else {
      rows_.push_back({chosen.token, 0});
      set_rules(path_.length(), [&](size_t) { return path_; });
    }
  }

  void stop() override { rows_.clear(); }

  std::vector<Found> results() override { return {result(path_, reason_)}; }

  Decided decided() const override { return {path_.tokens, path_.scores}; }

 private:
  bool some_edited_may_come() const {
    const std::vector<Edit>& edits = rules(0).edits;
    return std::any_of(edits.begin(), edits.end(),
                       [](const Edit& edit) { return !edit.forbids(); });
  }

  Candidate choose(const StepAnswers& answers, int64_t first) const {
    if (const auto forced = constraints().forced(path_.length())) {
      return {*forced, 0, 0};
    }
    const std::vector<Candidate> best =
        next_tokens(Edited::kLogits, answers, first, 0).best();
    check(!best.empty(), "generate", kNoToken);
    return best.front();
  }

  Path path_;
  FinishReason reason_ = FinishReason::kTimeout;
};

}  // namespace

std::unique_ptr<Search> make_greedy(const SearchTask& task, const Path& begun) {
  return std::make_unique<Greedy>(task, begun);
}

}  // namespace pyattn
