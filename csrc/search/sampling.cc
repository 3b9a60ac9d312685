#include <algorithm>
#include <utility>

#include "search/draw.h"
#include "search/search.h"

namespace pyattn {
namespace {

// Independent samples: each hypothesis draws its tokens by itself. All begin
// with the same row; after the first step each has its own.
class Sampling : public Search {
 public:
  Sampling(const SearchTask& task, const Path& begun)
      : Search(task, begun),
        length_(begun.length()),
        samples_(static_cast<size_t>(options().num_hypotheses), {begun}) {}

  void ask(std::vector<Question>& questions) const override {
    for (size_t row = 0; row < rows_.size(); ++row) {
      questions.push_back(Draw::question(options(), 1, rules(row).apart));
    }
  }

  void advance(const StepAnswers& answers, int64_t first) override {
    std::vector<NextRow> rows;
    std::vector<size_t> living;
    for (size_t i = 0; i < samples_.size(); ++i) {
      Sample& sample = samples_[i];
      if (sample.row == kOver) {
        continue;
      }
      const Candidate drawn = draw(i, answers, first);
      sample.path.add(drawn, answers.alignments[first + sample.row]);
      if (ends(drawn.token, length_ + 1)) {
        sample.row = kOver;
        sample.reason = finish_reason(drawn.token, length_ + 1);
      } else {
        rows.push_back({drawn.token, sample.row});
        sample.row = static_cast<int32_t>(living.size());
        living.push_back(i);
      }
    }
    ++length_;
    rows_ = std::move(rows);
    set_rules(length_, [&](size_t row) { return samples_[living[row]].path; });
  }

  void stop() override { rows_.clear(); }

  std::vector<Found> results() override {
    std::vector<Found> found;
    for (const Sample& sample : samples_) {
      found.push_back(result(sample.path, sample.reason));
    }
    std::stable_sort(
        found.begin(), found.end(),
        [](const Found& a, const Found& b) { return a.score > b.score; });
    return found;
  }

  Decided decided() const override {
    if (samples_.size() > 1) {
      return {};
    }
    return {samples_[0].path.tokens, samples_[0].path.scores};
  }

 private:
  static constexpr int32_t kOver = -1;

  struct Sample {
    Path path;
    int32_t row = 0;  // of the step, kOver after its end
    FinishReason reason = FinishReason::kTimeout;
  };

  Candidate draw(size_t sample, const StepAnswers& answers,
                 int64_t first) const {
    if (const auto forced = constraints().forced(length_)) {
      return {*forced, 0, 0};
    }
    const size_t row = static_cast<size_t>(samples_[sample].row);
    return Draw(options(), 1, next_tokens(Edited::kLogits, answers, first, row),
                answers.tokens, first + samples_[sample].row)
        .at(uniform(sample, length_));
  }

  int32_t length_;
  std::vector<Sample> samples_;
};

}  // namespace

std::unique_ptr<Search> make_sampling(const SearchTask& task,
                                      const Path& begun) {
  return std::make_unique<Sampling>(task, begun);
}

}  // namespace pyattn
