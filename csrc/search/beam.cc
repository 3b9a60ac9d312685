#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "search/search.h"

namespace pyattn {
namespace {

// Beam search by the rules of transformers, whose checkpoints these are. At
// every step the best 2 * beam continuations of all live hypotheses stand in
// one ranking. Those that end and rank among the first `beam` are finished; the
// best that do not end live on. The search stops when the best live one, scored
// at a length that early_stopping sets, cannot displace the worst finished one.
class Beam : public Search {
 public:
  explicit Beam(const SearchTask& task) : Search(task), live_{{kRoot, 0.0F}} {}

  void ask(std::vector<Question>& questions) const override {
    questions.resize(questions.size() + rows_.size(),
                     {2 * options().beam_size, apart_});
  }

  void advance(const Answers& answers, int64_t first) override {
    const std::vector<Continuation> ranking = rank(answers, first);
    keep_alignments(answers, first);
    ++length_;
    set_apart();
    const bool last = length_ == options().max_new_tokens;
    std::vector<Live> next;
    rows_.clear();
    for (size_t place = 0; place < ranking.size(); ++place) {
      const Continuation& continuation = ranking[place];
      const bool ends = continuation.token == task_.end;
      if (ends || last) {
        if (place < beam()) {
          finish(continuation,
                 ends ? FinishReason::kEnd : FinishReason::kLength);
        }
      } else if (next.size() < beam()) {
        rows_.push_back({continuation.token, continuation.row});
        next.push_back({add_node(continuation), continuation.score});
      }
    }
    live_ = std::move(next);
    keep_best_finished();
    if (!may_improve()) {
      rows_.clear();
    }
  }

  // What lives has to do.
  void stop() override {
    for (const Live& live : live_) {
      finished_.push_back({live.node,
                           at_length(live.score, std::max(length_, 1)),
                           FinishReason::kTimeout});
    }
    keep_best_finished();
    rows_.clear();
  }

  std::vector<Found> results() override {
    std::vector<Found> found;
    const size_t count = std::min<size_t>(
        finished_.size(), static_cast<size_t>(options().num_hypotheses));
    for (size_t i = 0; i < count; ++i) {
      found.push_back(read(finished_[i]));
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

  float at_length(float score, int32_t length) const {
    return score /
           static_cast<float>(std::pow(length, options().length_penalty));
  }

  std::vector<Continuation> rank(const Answers& answers, int64_t first) const {
    const bool forced =
        options().force_end && length_ + 1 == options().max_new_tokens;
    std::vector<Continuation> all;
    for (size_t row = 0; row < live_.size(); ++row) {
      const float past = live_[row].score;
      const int32_t index = static_cast<int32_t>(row);
      if (forced) {
        all.push_back({past, 0.0F, index, task_.end});
        continue;
      }
      const int64_t at = first + index;
      const LogSum sum = answers.rest[at].with(answers.apart(at));
      for (int64_t i = at * answers.k; i < at * answers.k + answers.found[at];
           ++i) {
        const float score = sum.log_prob(answers.logits[i]);
        all.push_back({past + score, score, index, answers.ids[i]});
      }
    }
    check(!all.empty(), "generate",
          "no token may follow: all are suppressed, or the model's output is "
          "not a number");
    // Rows and, within them, ids ascend: equal scores keep that order.
    std::stable_sort(all.begin(), all.end(),
                     [](const Continuation& a, const Continuation& b) {
                       return a.score > b.score;
                     });
    all.resize(std::min(all.size(), 2 * beam()));
    return all;
  }

  // Continuations of a row share its alignment.
  void keep_alignments(const Answers& answers, int64_t first) {
    first_row_ = rows_answered_;
    rows_answered_ += static_cast<int32_t>(live_.size());
    for (size_t row = 0; row < live_.size(); ++row) {
      const std::span<const float> one =
          answers.alignment(first + static_cast<int64_t>(row));
      source_ = static_cast<std::ptrdiff_t>(one.size());
      alignments_.insert(alignments_.end(), one.begin(), one.end());
    }
  }

  int32_t add_node(const Continuation& continuation) {
    nodes_.push_back({continuation.token,
                      live_[static_cast<size_t>(continuation.row)].node,
                      continuation.token_score, first_row_ + continuation.row});
    return static_cast<int32_t>(nodes_.size()) - 1;
  }

  void finish(const Continuation& continuation, FinishReason reason) {
    finished_.push_back({add_node(continuation),
                         at_length(continuation.score, length_), reason});
  }

  void keep_best_finished() {
    std::stable_sort(
        finished_.begin(), finished_.end(),
        [](const Finished& a, const Finished& b) { return a.score > b.score; });
    finished_.resize(std::min(finished_.size(), beam()));
  }

  bool may_improve() const {
    if (live_.empty()) {
      return false;
    }
    if (finished_.size() < beam()) {
      return true;
    }
    if (options().early_stopping == EarlyStopping::kFull) {
      return false;
    }
    const bool longest = options().early_stopping == EarlyStopping::kNever &&
                         options().length_penalty > 0;
    const int32_t length = longest ? options().max_new_tokens : length_;
    return at_length(live_.front().score, length) > finished_.back().score;
  }

  Found read(const Finished& finished) const {
    Found found = {};
    found.score = finished.score;
    found.reason = finished.reason;
    std::vector<Node> path;
    for (int32_t node = finished.node; node != kRoot;
         node = path.back().parent) {
      path.push_back(nodes_[static_cast<size_t>(node)]);
    }
    std::reverse(path.begin(), path.end());
    for (const Node& node : path) {
      found.tokens.push_back(node.token);
      found.token_scores.push_back(node.token_score);
      const auto row = alignments_.begin() + node.row * source_;
      found.alignment.insert(found.alignment.end(), row, row + source_);
    }
    if (found.reason == FinishReason::kEnd) {
      found.tokens.pop_back();
    }
    return found;
  }

  std::vector<Node> nodes_;
  int32_t first_row_ = 0;  // of the last step, among all that were answered
  int32_t rows_answered_ = 0;
  std::ptrdiff_t source_ = 0;      // tokens of an alignment; 0: none is kept
  std::vector<float> alignments_;  // [rows answered, source]
  std::vector<Live> live_;
  std::vector<Finished> finished_;  // best first
};

}  // namespace

std::unique_ptr<Search> make_beam(const SearchTask& task) {
  return std::make_unique<Beam>(task);
}

}  // namespace pyattn
