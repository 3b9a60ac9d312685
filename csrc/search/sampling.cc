#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "search/random.h"
#include "search/search.h"

namespace pyattn {
namespace {

// Tokens that a row is asked for where nobody knows how many will do, and the
// most that all rows are asked for at once: lists of candidates are kept for
// every row, and a wide list is asked for row by row.
constexpr int64_t kFirstAsked = 32;
constexpr int64_t kMostAsked = 256;

// What tokens are drawn from: exp(logit / temperature), of some tokens alone.
class Draw {
 public:
  Draw(const SearchOptions& options, const NextTokens& next,
       const Answers& answers, int64_t row)
      : options_(options),
        next_(next),
        answers_(answers),
        row_(row),
        inverse_temperature_(1 / options.temperature) {}

  // The token at which the probabilities, added in a fixed order, pass
  // `uniform`.
  Candidate at(double uniform) const {
    const bool all =
        options_.top_k == 0 && options_.top_p == 1 && options_.min_p == 0;
    return all ? of_all(uniform) : of(kept(), uniform);
  }

 private:
  float tempered(const Candidate& one) const {
    return one.logit * inverse_temperature_;
  }

  // Of all tokens that may come.
  LogSum total() const {
    std::vector<float> edited;
    for (const Candidate& one : next_.edited()) {
      edited.push_back(tempered(one));
    }
    return answers_.tempered[row_].with(edited);
  }

  // Edited tokens come first.
  Candidate of_all(double uniform) const {
    const LogSum sum = total();
    double passed = 0;
    for (const Candidate& one : next_.edited()) {
      const double probability = std::exp(sum.log_prob(tempered(one)));
      if (uniform < passed + probability) {
        return one;
      }
      passed += probability;
    }
    const double left =
        std::clamp((uniform - passed) / (1 - passed), 0.0, kBelowOne);
    const Token token = answers_.draw(row_, left);
    if (token.id >= 0) {
      return next_.plain(token.id, token.logit);
    }
    // Rounding took the last step beyond all tokens that there are.
    check(!next_.edited().empty(), "generate", kNoToken);
    return next_.edited().back();
  }

  Candidate of(const std::vector<Candidate>& tokens, double uniform) const {
    check(!tokens.empty(), "generate", kNoToken);
    std::vector<double> passed;
    double sum = 0;
    for (const Candidate& one : tokens) {
      sum += std::exp(
          static_cast<double>(tempered(one) - tempered(tokens.front())));
      passed.push_back(sum);
    }
    const auto found =
        std::upper_bound(passed.begin(), passed.end(), uniform * sum);
    return found == passed.end()
               ? tokens.back()
               : tokens[static_cast<size_t>(found - passed.begin())];
  }

  // The best tokens, as many as the options keep.
  std::vector<Candidate> kept() const {
    int64_t count = options_.top_k > 0 ? options_.top_k : kFirstAsked;
    while (true) {
      std::vector<Candidate> tokens = best(count);
      const bool complete = static_cast<int64_t>(tokens.size()) < count;
      const size_t known = tokens.size();
      const size_t keep = cut(tokens);
      if (options_.top_k > 0 || complete || keep < known) {
        tokens.resize(keep);
        return tokens;
      }
      count *= 4;
    }
  }

  // The best `count` of all tokens; fewer if there are fewer.
  std::vector<Candidate> best(int64_t count) const {
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

  // How many of the best tokens top_p and min_p leave; at least one.
  size_t cut(const std::vector<Candidate>& tokens) const {
    if (tokens.empty()) {
      return 0;
    }
    LogSum sum = total();
    if (options_.top_k > 0) {
      std::vector<float> logits;
      for (const Candidate& one : tokens) {
        logits.push_back(tempered(one));
      }
      sum = LogSum().with(logits);
    }
    const float least = tempered(tokens.front()) + std::log(options_.min_p);
    double passed = 0;
    size_t keep = 0;
    while (keep < tokens.size() && passed < options_.top_p &&
           tempered(tokens[keep]) >= least) {
      passed += std::exp(sum.log_prob(tempered(tokens[keep])));
      ++keep;
    }
    return std::max<size_t>(keep, 1);
  }

  static constexpr double kBelowOne =
      1 - std::numeric_limits<double>::epsilon();

  const SearchOptions& options_;
  const NextTokens& next_;
  const Answers& answers_;
  const int64_t row_;
  const float inverse_temperature_;
};

// Independent samples: every hypothesis draws tokens of its own.
class Sampling : public Search {
 public:
  explicit Sampling(const SearchTask& task)
      : Search(task, {}), source_(hash_of(task.source)) {
    // They all begin with the one row that there is.
    samples_.resize(static_cast<size_t>(options().num_hypotheses));
  }

  void ask(std::vector<Question>& questions) const override {
    const bool unknown =
        options().top_k == 0 && (options().top_p < 1 || options().min_p > 0);
    const int64_t k = std::clamp<int64_t>(
        unknown ? kFirstAsked : options().top_k, 1, kMostAsked);
    for (size_t row = 0; row < rows_.size(); ++row) {
      questions.push_back({k, rules(row).apart, 1 / options().temperature});
    }
  }

  void advance(const Answers& answers, int64_t first) override {
    std::vector<NextRow> rows;
    std::vector<size_t> living;
    for (size_t i = 0; i < samples_.size(); ++i) {
      Sample& sample = samples_[i];
      if (sample.row == kOver) {
        continue;
      }
      const Candidate drawn = draw(i, answers, first);
      sample.path.add(drawn, answers.alignment(first + sample.row));
      if (ends(drawn.token, length_ + 1)) {
        sample.row = kOver;
        sample.reason = constraints().is_end(drawn.token)
                            ? FinishReason::kEnd
                            : FinishReason::kLength;
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
    int32_t row = 0;  // that its next token follows
    FinishReason reason = FinishReason::kTimeout;
  };

  Candidate draw(size_t sample, const Answers& answers, int64_t first) const {
    if (const auto forced = constraints().forced(length_)) {
      return {*forced, 0, 0};
    }
    const size_t row = static_cast<size_t>(samples_[sample].row);
    const NextTokens next = next_tokens(Edited::kLogits, answers, first, row);
    return Draw(options(), next, answers, first + samples_[sample].row)
        .at(uniform(options().seed, source_, static_cast<uint32_t>(sample),
                    static_cast<uint32_t>(length_)));
  }

  const uint64_t source_;
  int32_t length_ = 0;
  std::vector<Sample> samples_;
};

}  // namespace

std::unique_ptr<Search> make_sampling(const SearchTask& task) {
  return std::make_unique<Sampling>(task);
}

}  // namespace pyattn
