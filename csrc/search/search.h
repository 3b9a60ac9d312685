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

/// A target that a search found.
struct Found {
  std::vector<int32_t> tokens;      // without the end, unless options keep it
  std::vector<float> token_scores;  // of the tokens, and of the end if reached
  float score;
  FinishReason reason;
  std::vector<float> alignment;  // [token_scores, source], if options want it
};

/// A row to feed to the decoder: a token after the past of the `parent`-th row
/// of the previous step.
struct NextRow {
  int32_t token;
  int32_t parent;
};

/// The tokens of a target that no later step changes, the end included, and
/// their scores.
struct Decided {
  std::span<const int32_t> tokens;
  std::span<const float> scores;
};

/// The answers to the questions about some rows of a step.
struct StepAnswers {
  Answers tokens;
  /// [rows]: the attention of each to the tokens of its source, [source]; empty
  /// for a row whose search has no alignment heads.
  std::vector<std::span<const float>> alignments;
};

/// The new tokens of a target, those after the start and the certain prefix,
/// the end included, with their scores and, where options want it, their
/// attention to the source.
struct Path {
  std::vector<int32_t> tokens;
  std::vector<float> scores;
  std::vector<float> alignment;  // [tokens, source]

  void add(const Candidate& token, std::span<const float> attention) {
    tokens.push_back(token.token);
    scores.push_back(token.score);
    alignment.insert(alignment.end(), attention.begin(), attention.end());
  }

  int32_t length() const { return static_cast<int32_t>(tokens.size()); }
};

/// The error for a row that no token may follow.
inline constexpr char kNoToken[] =
    "no token may follow: all are suppressed, or the model's output is not a "
    "number";

/// The search for one sentence's target, a state machine: it names the rows
/// that it needs computed and questions about them, and advances with the
/// answers. It knows no other sentences, no caches and no model.
///
/// Not thread-safe.
class Search {
 public:
  /// `begun`: new tokens that are chosen already; all but the last are fed. The
  /// search ranks what follows by itself, and adds their scores at the end.
  Search(const SearchTask& task, const Path& begun);
  virtual ~Search() = default;

  /// Tokens to feed before the first rows, in one pass and without questions:
  /// the start or the prompt, and the certain prefix, but for the last token of
  /// these, which is the first row.
  const std::vector<int32_t>& prefix() const { return prefix_; }

  /// Takes the attention of the prefix, [tokens, source], once it is fed.
  void set_prefix_alignment(std::span<const float> alignment) {
    prefix_alignment_.assign(alignment.begin(), alignment.end());
  }

  /// The rows to compute next; empty once the search is over.
  const std::vector<NextRow>& rows() const { return rows_; }

  /// Appends a question for each of its rows. What they point to is valid until
  /// `advance`.
  virtual void ask(std::vector<Question>& questions) const = 0;

  /// Takes the answers to its questions: those from row `first` on.
  virtual void advance(const StepAnswers& answers, int64_t first) = 0;

  /// Ends the search with what it has, because its time is over.
  virtual void stop() = 0;

  /// The targets, best first. Call once, after the search is over.
  virtual std::vector<Found> results() = 0;

  /// Tokens that are final. A beam decides nothing before its end.
  virtual Decided decided() const { return {}; }

 protected:
  const SearchOptions& options() const { return *task_.options; }
  const Constraints& constraints() const { return constraints_; }

  /// Whether `token`, the `length`-th new one, ends the target.
  bool ends(int32_t token, int32_t length) const {
    return constraints_.is_end(token) || length == constraints_.max_tokens();
  }

  /// Why it does: a target that a forced end cuts off has reached its length.
  FinishReason finish_reason(int32_t token, int32_t length) const {
    return constraints_.is_end(token) && !constraints_.forces_end(length - 1)
               ? FinishReason::kEnd
               : FinishReason::kLength;
  }

  /// Sets the rules for the tokens that follow `rows_`, each after `length` new
  /// ones; `path(row)` returns these.
  void set_rules(int32_t length, const std::function<Path(size_t row)>& path);
  const NextRules& rules(size_t row) const {
    return rules_[rules_.size() == 1 ? 0 : row];
  }

  /// The distribution of the token after one of `rows_`.
  NextTokens next_tokens(Edited edited, const StepAnswers& answers,
                         int64_t first, size_t row) const {
    return {options(), rules(row), edited, answers.tokens,
            first + static_cast<int64_t>(row)};
  }

  /// `total`, a sum of scores without those of `begun`, normalised for a target
  /// of `length` new tokens.
  float normalised(float total, int32_t length) const;

  /// A random number in [0, 1), the same whenever this sentence is searched.
  double uniform(size_t hypothesis, int32_t step) const;

  /// The tokens in a row of alignment; 0 without alignment heads.
  size_t aligned_tokens() const {
    return options().alignment_heads.empty() ? 0 : task_.source.size();
  }
  std::span<const float> prefix_alignment() const { return prefix_alignment_; }

  /// What the coverage penalty adds to the score of a path.
  float coverage(const Path& path) const;

  /// A path as a result with a given score.
  Found result(Path path, float score, FinishReason reason) const;
  /// A path as a result, scored by its tokens.
  Found result(Path path, FinishReason reason) const;

  const SearchTask task_;
  std::vector<NextRow> rows_;

 private:
  std::vector<int32_t> opening() const;

  const Constraints constraints_;
  const Path begun_;
  const uint64_t hash_;  // of the source and of begun tokens, for `uniform`
  std::vector<int32_t> prefix_;
  std::vector<float> prefix_alignment_;
  std::vector<NextRules> rules_;  // [rows], or one for all
};

/// The search that the options want.
std::unique_ptr<Search> make_search(const SearchTask& task);

/// The same, without alternatives, for what follows the tokens in `begun`.
std::unique_ptr<Search> make_search(const SearchTask& task, const Path& begun);

std::unique_ptr<Search> make_greedy(const SearchTask& task, const Path& begun);
std::unique_ptr<Search> make_beam(const SearchTask& task, const Path& begun);
std::unique_ptr<Search> make_sampling(const SearchTask& task,
                                      const Path& begun);
std::unique_ptr<Search> make_alternatives(const SearchTask& task);

}  // namespace pyattn
