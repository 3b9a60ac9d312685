#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "search/draw.h"
#include "search/search.h"

namespace pyattn {
namespace {

// Beam search. At every step the best continuations of all live hypotheses
// stand in one ranking. Those that end and rank among the first `beam` are
// finished; the best that do not end live on: the ranking is long enough that
// there are `beam` of them. When the search stops is for early_stopping to
// say; all but `kBest` are transformers' rules. So are those of a search by
// chance: the ranking is drawn, one behind the other by exp(score /
// temperature) of what is left, and its best live on all the same.
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

  void advance(const Answers& answers, int64_t first) override {
    std::vector<Continuation> ranking = rank(answers, first);
    keep_alignments(answers, first);
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
    go_on(ranking);
    keep_best_finished();
    if (!may_improve()) {
      rows_.clear();
      return;
    }
    set_rules(length_, [&](size_t row) { return path_to(live_[row].node); });
  }

  // What lives has to do.
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
    int32_t row;  // of all that were answered: whose continuation it is
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

  // Each row has at most so many continuations that end as there are ends.
  size_t ranking_size() const {
    return beam() * (1 + constraints().ends().size());
  }

  // How many finished hypotheses are enough.
  size_t wanted() const {
    return static_cast<size_t>(
        std::lround(options().patience * options().beam_size));
  }

  // What top_k, top_p and min_p leave of a row: one that goes on, at least.
  int64_t least() const { return std::ssize(constraints().ends()) + 1; }

  Continuation continuation(size_t row, const Candidate& token) const {
    return {live_[row].score + token.score, token.score,
            static_cast<int32_t>(row), token.token};
  }

  // Rows and, within them, ids ascend: equal scores keep that order.
  static void sort(std::vector<Continuation>& all) {
    std::stable_sort(all.begin(), all.end(),
                     [](const Continuation& a, const Continuation& b) {
                       return a.score > b.score;
                     });
  }

  std::vector<Continuation> rank(const Answers& answers, int64_t first) const {
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

  // Every draw falls into a row first, then to a token of it.
  std::vector<Continuation> draw(const Answers& answers, int64_t first) const {
    std::vector<Draw> rows;
    std::vector<double> logs;  // of the weight of what is left of each
    const auto log = [&](size_t row) {
      return double{live_[row].score} / options().temperature +
             rows[row].log_sum();
    };
    for (size_t row = 0; row < live_.size(); ++row) {
      rows.emplace_back(options(), least(),
                        next_tokens(Edited::kLogProbs, answers, first, row),
                        answers, first + static_cast<int64_t>(row));
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

  // Unless they are wanted, drops the ends right behind a certain prefix that
  // are not the likeliest of all. Nobody takes their places; nor that behind
  // the beam, which goes to what follows an end in the first place.
  void drop_late_ends(std::vector<Continuation>& ranking) const {
    if (options().end_behind_prefix || options().fed_prefix() == 0 ||
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

  // The best that do not end.
  void go_on(const std::vector<Continuation>& ranking) {
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

  // Continuations of a row share its alignment.
  void keep_alignments(const Answers& answers, int64_t first) {
    first_row_ = rows_answered_;
    rows_answered_ += static_cast<int32_t>(live_.size());
    for (size_t row = 0; row < live_.size(); ++row) {
      const std::span<const float> one =
          answers.alignment(first + static_cast<int64_t>(row));
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
           why_ends(continuation.token, length_));
  }
  void finish(int32_t node, float total, FinishReason reason) {
    const float missed =
        options().coverage_penalty == 0 ? 0 : coverage(path_to(node));
    finished_.push_back({node, ranked(total, length_) + missed, reason});
  }

  void keep_best_finished() {
    std::stable_sort(
        finished_.begin(), finished_.end(),
        [](const Finished& a, const Finished& b) { return a.score > b.score; });
    finished_.resize(std::min(finished_.size(), wanted()));
  }

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
    const bool longest = options().early_stopping == EarlyStopping::kNever &&
                         options().length_penalty > 0;
    const int32_t length = longest ? constraints().longest() : length_;
    return ranked(live_.front().score, length) > finished_.back().score;
  }

  Path path_to(int32_t node) const {
    std::vector<Node> nodes;
    for (; node != kRoot; node = nodes.back().parent) {
      nodes.push_back(nodes_[static_cast<size_t>(node)]);
    }
    Path path;
    for (auto one = nodes.rbegin(); one != nodes.rend(); ++one) {
      const std::span<const float> looks_at(
          alignments_.data() + static_cast<size_t>(one->row) * aligned_tokens(),
          aligned_tokens());
      path.add({one->token, one->token_score, 0}, looks_at);
    }
    return path;
  }

  int32_t length_;  // new tokens that every live hypothesis has
  std::vector<Node> nodes_;
  int32_t first_row_ = 0;  // of the last step, among all that were answered
  int32_t rows_answered_ = 0;
  std::vector<float> alignments_;  // [rows answered, source], if they are told
  std::vector<Live> live_;
  std::vector<Finished> finished_;  // best first
  bool top_finished_ = false;       // whether the best has ever been an end
};

}  // namespace

std::unique_ptr<Search> make_beam(const SearchTask& task, const Path& begun) {
  return std::make_unique<Beam>(task, begun);
}

}  // namespace pyattn
