#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "ops/vocabulary.h"
#include "search/candidates.h"
#include "search/constraints.h"
#include "search/options.h"

namespace pyattn {

enum class FinishReason { kEnd, kLength, kTimeout };

/// One target that a search found.
struct Found {
  std::vector<int32_t> tokens;      // without the end, unless it was asked for
  std::vector<float> token_scores;  // of the tokens and of the end, if reached
  float score;
  FinishReason reason;
  std::vector<float> alignment;  // [token_scores, source], if asked for
};

/// A row to feed to the decoder: a token behind the past of the `parent`-th
/// row of the step before.
struct NextRow {
  int32_t token;
  int32_t parent;
};

/// The tokens of a target that no later step will change, the end included,
/// and their scores.
struct Decided {
  std::span<const int32_t> tokens;
  std::span<const float> scores;
};

/// New tokens of a target, those behind the start and the prefix, the end
/// included, with their scores and, where it is told, what they look at.
struct Path {
  std::vector<int32_t> tokens;
  std::vector<float> scores;
  std::vector<float> alignment;  // [tokens, source]

  void add(const Candidate& token, std::span<const float> looks_at) {
    tokens.push_back(token.token);
    scores.push_back(token.score);
    alignment.insert(alignment.end(), looks_at.begin(), looks_at.end());
  }

  int32_t length() const { return static_cast<int32_t>(tokens.size()); }
};

/// The error of a row that nothing may follow.
inline constexpr char kNoToken[] =
    "no token may follow: all are suppressed, or the model's output is not a "
    "number";

/// The search for one sentence's target: a state machine that says which rows
/// it wants computed and takes what the model thinks of them. It knows nothing
/// of other sentences, of caches or of the model.
class Search {
 public:
  /// `begun` are new tokens that stand already; all but the last are fed. What
  /// follows is ranked as if it were all, and their scores are added then.
  Search(const SearchTask& task, const Path& begun);
  virtual ~Search() = default;

  /// Tokens that come before the first rows, which are behind the last of
  /// them. They are fed in one pass, and nothing is asked about them.
  const std::vector<int32_t>& prefix() const { return prefix_; }

  /// Takes what the tokens of a certain prefix look at, [tokens, source], once
  /// they are fed.
  void look_back(std::span<const float> alignment) {
    prefix_alignment_.assign(alignment.begin(), alignment.end());
  }

  /// The rows to compute next; empty once the search is over.
  const std::vector<NextRow>& rows() const { return rows_; }

  /// Appends a question for each of its rows. What they point to stays until
  /// `advance`.
  virtual void ask(std::vector<Question>& questions) const = 0;

  /// Takes the answers to its questions, which are those from row `first` on.
  virtual void advance(const Answers& answers, int64_t first) = 0;

  /// Ends the search where it is, because its time is over.
  virtual void stop() = 0;

  /// What was found, best first. Call once the search is over.
  virtual std::vector<Found> results() = 0;

  /// Nothing of a beam is certain before its end.
  virtual Decided decided() const { return {}; }

 protected:
  const SearchOptions& options() const { return *task_.options; }
  const Constraints& constraints() const { return constraints_; }

  /// Whether a target ends behind so many tokens, the last of them this one.
  bool ends(int32_t token, int32_t length) const {
    return constraints_.is_end(token) || length == constraints_.longest();
  }

  /// Why it does: an end that was forced is the length's doing.
  FinishReason why_ends(int32_t token, int32_t length) const {
    return constraints_.is_end(token) && !constraints_.forces_end(length - 1)
               ? FinishReason::kEnd
               : FinishReason::kLength;
  }

  /// Sets the rules for `rows_`, whose new tokens `path` tells.
  void set_rules(int32_t length, const std::function<Path(size_t row)>& path);
  const NextRules& rules(size_t row) const {
    return rules_[rules_.size() == 1 ? 0 : row];
  }

  /// What follows one of `rows_`, and is not forced.
  NextTokens next_tokens(Edited edited, const Answers& answers, int64_t first,
                         size_t row) const {
    return {options(), rules(row), edited, answers,
            first + static_cast<int64_t>(row)};
  }

  /// What hypotheses of so many new tokens are ranked by; `total` is the sum of
  /// the scores of those that have not begun it.
  float ranked(float total, int32_t length) const;

  /// A random number in [0, 1), each time the same for this sentence.
  double uniform(size_t hypothesis, int32_t step) const;

  /// Tokens of a row of alignment; 0 where none is told.
  size_t aligned_tokens() const {
    return options().alignment_heads.empty() ? 0 : task_.source.size();
  }
  std::span<const float> prefix_alignment() const { return prefix_alignment_; }

  /// What is added to a rank because of what a path does not look at.
  float coverage(const Path& path) const;

  /// A path as a result.
  Found result(Path path, float score, FinishReason reason) const;
  /// The same, ranked by its scores.
  Found result(Path path, FinishReason reason) const;

  const SearchTask task_;
  std::vector<NextRow> rows_;

 private:
  const Constraints constraints_;
  const Path begun_;
  const uint64_t hash_;  // of all that random numbers depend on
  std::vector<int32_t> prefix_;
  std::vector<float> prefix_alignment_;
  std::vector<NextRules> rules_;  // [rows], or one for all
};

/// What the options ask for.
std::unique_ptr<Search> make_search(const SearchTask& task);

/// The same, alternatives aside, of what follows the tokens in `begun`.
std::unique_ptr<Search> make_search(const SearchTask& task, const Path& begun);

std::unique_ptr<Search> make_greedy(const SearchTask& task, const Path& begun);
std::unique_ptr<Search> make_beam(const SearchTask& task, const Path& begun);
std::unique_ptr<Search> make_sampling(const SearchTask& task,
                                      const Path& begun);
std::unique_ptr<Search> make_alternatives(const SearchTask& task);

}  // namespace pyattn
