#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "search/draw.h"
#include "search/search.h"

namespace pyattn {
namespace {

// Beam search. Every step ranks the best continuations of all live hypotheses.
// Of the first `beam` in the ranking, those that end are finished; the best
// `beam` that do not end stay live, and the ranking is long enough to contain
// them. early_stopping decides when the search ends; all its kinds but `kBest`
// are transformers' rules, as is beam sampling: the ranking is drawn without
// replacement, by exp(score / temperature), and then sorted.
class Beam : public Search {
 public:
  Beam(const SearchTask& task, const Path& begun)
      : Search(task, begun), length_(begun.length()) {
    int32_t node = kRoot;
    for (size_t i = 0; i < begun.tokens.size(); ++i) {
      node = add_node(
          Node{begun.tokens[i], node, begun.scores[i], rows_answered_++});
    }
    alignments_ = begun.alignment;
    live_ = {{node, 0.0F}};
  }

  void ask(std::vector<Question>& questions) const override {
    for (size_t row = 0; row < rows_.size(); ++row) {
      const std::vector<int32_t>& apart = rules(row).apart;
      questions.push_back(
          options().do_sample
              ? Draw::question(options(), least(), apart)
              : Question{static_cast<int64_t>(ranking_size()), apart});
    }
  }

  void advance(const StepAnswers& answers, int64_t first) override {
    std::vector<Continuation> ranking = rank(answers, first);
    store_alignments(answers, first);
    ++length_;
    drop_late_ends(ranking);
    for (size_t place = 0; place < std::min(ranking.size(), beam()); ++place) {
      if (ends(ranking[place].token, length_)) {
        finish(ranking[place]);
      }
    }
    if (options().do_sample) {
      sort(ranking);
    }
    top_finished_ = top_finished_ || ends(ranking.front().token, length_);
    continue_best(ranking);
    keep_best_finished();
    if (!may_improve()) {
      rows_.clear();
      return;
    }
    set_rules(length_, [&](size_t row) { return path_to(live_[row].node); });
  }

  // Returns the live hypotheses unfinished.
  void stop() override {
    for (const Live& live : live_) {
      finish(live.node, live.score, FinishReason::kTimeout);
    }
    keep_best_finished();
    rows_.clear();
  }

  std::vector<Found> results() override {
    std::vector<Found> found;
    const size_t count = std::min<size_t>(
        finished_.size(), static_cast<size_t>(options().num_hypotheses));
    for (size_t i = 0; i < count; ++i) {
      const Finished& one = finished_[i];
      found.push_back(result(path_to(one.node), one.score, one.reason));
    }
    return found;
  }

 private:
  static constexpr int32_t kRoot = -1;

  // Hypotheses are paths in a tree of tokens: those that share a past share
  // its nodes.
  struct Node {
    int32_t token;
    int32_t parent;
    float token_score;
    int32_t row;  // of all rows of all steps: the one that it continues
  };
  struct Live {
    int32_t node;
    float score;  // sum of log-probabilities
  };
  struct Continuation {
    float score;
    float token_score;
    int32_t row;
    int32_t token;
  };
  struct Finished {
    int32_t node;
    float score;
    FinishReason reason;
  };

  size_t beam() const { return static_cast<size_t>(options().beam_size); }

  // A row has as many continuations that end as there are ends, so among these
  // there are `beam` that do not end.
  size_t ranking_size() const {
    return beam() * (1 + constraints().ends().size());
  }

  // The number of finished hypotheses that is enough.
  size_t wanted() const {
    return static_cast<size_t>(
        std::lround(options().patience * options().beam_size));
  }

  // The minimum that top_k, top_p and min_p leave of a row: one that does not
  // end.
  int64_t least() const { return std::ssize(constraints().ends()) + 1; }

  Continuation continuation(size_t row, const Candidate& token) const {
    return {live_[row].score + token.score, token.score,
            static_cast<int32_t>(row), token.token};
  }

  // Stable: of equal scores, those of earlier rows and better ranks in a row
  // come first.
  static void sort(std::vector<Continuation>& all) {
    std::stable_sort(all.begin(), all.end(),
                     [](const Continuation& a, const Continuation& b) {
                       return a.score > b.score;
                     });
  }

  std::vector<Continuation> rank(const StepAnswers& answers,
                                 int64_t first) const {
    const auto forced = constraints().forced(length_);
    if (options().do_sample && !forced) {
      return draw(answers, first);
    }
    std::vector<Continuation> all;
    for (size_t row = 0; row < live_.size(); ++row) {
      if (forced) {
        all.push_back(continuation(row, {*forced, 0, 0}));
        continue;
      }
      for (const Candidate& one :
           next_tokens(Edited::kLogProbs, answers, first, row).best()) {
        all.push_back(continuation(row, one));
      }
    }
    check(!all.empty(), "generate", kNoToken);
    sort(all);
    all.resize(std::min(all.size(), ranking_size()));
    return all;
  }

  // Each draw chooses a row by the weight of what remains of it, then a token
  // of the row by the remaining part of the same random number.
  std::vector<Continuation> draw(const StepAnswers& answers,
                                 int64_t first) const {
    std::vector<Draw> rows;
    std::vector<double> logs;  // of the remaining weight of each row
    const auto log = [&](size_t row) {
      return double{live_[row].score} / options().temperature +
             rows[row].log_sum();
    };
    for (size_t row = 0; row < live_.size(); ++row) {
      rows.emplace_back(options(), least(),
                        next_tokens(Edited::kLogProbs, answers, first, row),
                        answers.tokens, first + static_cast<int64_t>(row));
      logs.push_back(log(row));
    }
    std::vector<Continuation> drawn;
    while (drawn.size() < ranking_size() && std::isfinite(log_sum(logs))) {
      const auto [row, part] = pick(logs, uniform(drawn.size(), length_));
      drawn.push_back(continuation(row, rows[row].take(part)));
      logs[row] = log(row);
    }
    check(!drawn.empty(), "generate", kNoToken);
    return drawn;
  }

  // Without end_behind_prefix, drops the ends right after a certain prefix that
  // are not ranked first, as CTranslate2 does. Their places in the beam stay
  // empty in this step; only the place of an end ranked first is filled.
  void drop_late_ends(std::vector<Continuation>& ranking) const {
    if (options().end_behind_prefix || options().certain_prefix() == 0 ||
        length_ > 1) {
      return;
    }
    const auto is_end = [&](const Continuation& one) {
      return constraints().is_end(one.token);
    };
    const size_t places = beam() + (is_end(ranking.front()) ? 1 : 0);
    ranking.resize(std::min(ranking.size(), places));
    ranking.erase(std::remove_if(ranking.begin() + 1, ranking.end(), is_end),
                  ranking.end());
  }

  // The best that do not end stay live.
  void continue_best(const std::vector<Continuation>& ranking) {
    std::vector<Live> next;
    rows_.clear();
    for (const Continuation& one : ranking) {
      if (next.size() < beam() && !ends(one.token, length_)) {
        rows_.push_back({one.token, one.row});
        next.push_back({add_node(one), one.score});
      }
    }
    live_ = std::move(next);
  }

  // Continuations of a row share its alignment, so it is stored once.
  void store_alignments(const StepAnswers& answers, int64_t first) {
    first_row_ = rows_answered_;
    rows_answered_ += static_cast<int32_t>(live_.size());
    for (size_t row = 0; row < live_.size(); ++row) {
      const std::span<const float> one =
          answers.alignments[first + static_cast<int64_t>(row)];
      alignments_.insert(alignments_.end(), one.begin(), one.end());
    }
  }

  int32_t add_node(const Node& node) {
    nodes_.push_back(node);
    return static_cast<int32_t>(nodes_.size()) - 1;
  }
  int32_t add_node(const Continuation& continuation) {
    return add_node(Node{
        continuation.token, live_[static_cast<size_t>(continuation.row)].node,
        continuation.token_score, first_row_ + continuation.row});
  }

  void finish(const Continuation& continuation) {
    finish(add_node(continuation), continuation.score,
           finish_reason(continuation.token, length_));
  }
  void finish(int32_t node, float total, FinishReason reason) {
    const float penalty =
        options().coverage_penalty == 0 ? 0 : coverage(path_to(node));
    finished_.push_back({node, normalised(total, length_) + penalty, reason});
  }

  void keep_best_finished() {
    std::stable_sort(
        finished_.begin(), finished_.end(),
        [](const Finished& a, const Finished& b) { return a.score > b.score; });
    finished_.resize(std::min(finished_.size(), wanted()));
  }

  // Whether another step could improve the result, by the rule of
  // early_stopping.
  bool may_improve() const {
    if (live_.empty()) {
      return false;
    }
    if (options().early_stopping == EarlyStopping::kBest) {
      return !top_finished_ ||
             finished_.size() < static_cast<size_t>(options().num_hypotheses);
    }
    if (finished_.size() < wanted()) {
      return true;
    }
    if (options().early_stopping == EarlyStopping::kFull) {
      return false;
    }
    // kHeuristic: the best live hypothesis, were it to end now, against the
    // worst finished one. kNever: at the length at which it would score best.
    const bool grows = options().early_stopping == EarlyStopping::kNever &&
                       options().length_penalty > 0;
    const int32_t length = grows ? constraints().max_tokens() : length_;
    return normalised(live_.front().score, length) > finished_.back().score;
  }

  Path path_to(int32_t node) const {
    std::vector<Node> nodes;
    for (; node != kRoot; node = nodes.back().parent) {
      nodes.push_back(nodes_[static_cast<size_t>(node)]);
    }
    Path path;
    for (auto one = nodes.rbegin(); one != nodes.rend(); ++one) {
      const std::span<const float> attention(
          alignments_.data() + static_cast<size_t>(one->row) * aligned_tokens(),
          aligned_tokens());
      path.add({one->token, one->token_score, 0}, attention);
    }
    return path;
  }

  int32_t length_;  // new tokens that every live hypothesis has
  std::vector<Node> nodes_;
  int32_t first_row_ = 0;  // of the last step, among all that were answered
  int32_t rows_answered_ = 0;
  std::vector<float> alignments_;  // [rows answered, aligned_tokens()]
  std::vector<Live> live_;
  std::vector<Finished> finished_;  // best first
  bool top_finished_ = false;       // whether an end was ever ranked first
};

}  // namespace

std::unique_ptr<Search> make_beam(const SearchTask& task, const Path& begun) {
  return std::make_unique<Beam>(task, begun);
}

}  // namespace pyattn
