#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "search/search.h"

namespace pyattn {
namespace {

// The best first tokens after the prefix, each continued by a search of its
// own, a branch. The rows of all branches, in their order, are this search's.
class Alternatives : public Search {
 public:
  explicit Alternatives(const SearchTask& task) : Search(task, {}) {
    auto alone = std::make_shared<SearchOptions>(*task.options);
    alone->return_alternatives = false;
    alone->scores = true;  // alternatives are ranked by them
    alone->num_hypotheses = 1;
    branch_task_ = task;
    branch_task_.options = std::move(alone);
  }

  void ask(std::vector<Question>& questions) const override {
    if (branches_.empty()) {
      questions.push_back({options().num_hypotheses, rules(0).apart});
    }
    for (const std::unique_ptr<Search>& branch : branches_) {
      if (!branch->rows().empty()) {
        branch->ask(questions);
      }
    }
  }

  void advance(const StepAnswers& answers, int64_t first) override {
    if (branches_.empty()) {
      spread(answers, first);
    } else {
      for (const std::unique_ptr<Search>& branch : branches_) {
        const size_t rows = branch->rows().size();
        if (rows > 0) {
          branch->advance(answers, first);
          first += static_cast<int64_t>(rows);
        }
      }
    }
    gather();
  }

  void stop() override {
    for (const std::unique_ptr<Search>& branch : branches_) {
      if (!branch->rows().empty()) {
        branch->stop();
      }
    }
    rows_.clear();
  }

  // In the order of their first tokens.
  std::vector<Found> results() override {
    std::vector<Found> found;
    for (const std::unique_ptr<Search>& branch : branches_) {
      found.push_back(std::move(branch->results().front()));
    }
    if (found.empty()) {
      found.push_back(result({}, FinishReason::kTimeout));
    }
    return found;
  }

 private:
  void spread(const StepAnswers& answers, int64_t first) {
    std::vector<Candidate> tokens;
    if (const auto forced = constraints().forced(0)) {
      tokens = {{*forced, 0, 0}};
    } else {
      tokens = next_tokens(Edited::kLogits, answers, first, 0).best();
      check(!tokens.empty(), "generate", kNoToken);
    }
    tokens.resize(
        std::min(tokens.size(), static_cast<size_t>(options().num_hypotheses)));
    for (size_t i = 0; i < tokens.size(); ++i) {
      // There is at least one alternative, however unlikely.
      if (i == 0 || std::exp(tokens[i].score) >=
                        options().min_alternative_expansion_prob) {
        Path path;
        path.add(tokens[i], answers.alignments[first]);
        branches_.push_back(branch_from(path));
        branches_.back()->set_prefix_alignment(prefix_alignment());
      }
    }
  }

  std::unique_ptr<Search> branch_from(const Path& path) const {
    if (ends(path.tokens[0], 1)) {
      return std::make_unique<Over>(branch_task_, path,
                                    finish_reason(path.tokens[0], 1));
    }
    return make_search(branch_task_, path);
  }

  // Collects the rows of all branches. A branch counts parents among its own
  // rows, so those of the branches before it are added.
  void gather() {
    rows_.clear();
    std::vector<int32_t> before(std::exchange(row_counts_, {}));
    before.resize(branches_.size());
    int32_t parents = 0;
    for (size_t i = 0; i < branches_.size(); ++i) {
      for (const NextRow& row : branches_[i]->rows()) {
        rows_.push_back({row.token, row.parent + parents});
      }
      row_counts_.push_back(static_cast<int32_t>(branches_[i]->rows().size()));
      parents += before[i];
    }
  }

  // A target that its first token ends.
  class Over : public Search {
   public:
    Over(const SearchTask& task, const Path& path, FinishReason reason)
        : Search(task, path), path_(path), reason_(reason) {
      rows_.clear();
    }
    void ask(std::vector<Question>&) const override {}
    void advance(const StepAnswers&, int64_t) override {}
    void stop() override {}
    std::vector<Found> results() override { return {result(path_, reason_)}; }

   private:
    const Path path_;
    const FinishReason reason_;
  };

  SearchTask branch_task_;
  std::vector<std::unique_ptr<Search>> branches_;
  std::vector<int32_t> row_counts_;  // of the branches, in `rows_`
};

}  // namespace

std::unique_ptr<Search> make_alternatives(const SearchTask& task) {
  return std::make_unique<Alternatives>(task);
}

}  // namespace pyattn
