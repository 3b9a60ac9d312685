#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/alignment.h"
#include "ops/vocabulary.h"

namespace pyattn {

enum class EarlyStopping { kHeuristic, kFull, kNever };

/// How a target is searched for; the fields mean what
/// pyattn.options.GenerationOptions says.
struct SearchOptions {
  int32_t beam_size, num_hypotheses, max_new_tokens, min_new_tokens;
  float length_penalty;
  EarlyStopping early_stopping;
  bool force_end;
  double max_time;                  // seconds; infinite: no limit
  std::vector<int32_t> suppressed;  // ascending
  AlignmentHeads aligned;           // whose attention is kept; none: nothing is
};

/// The most rows that a search with these options ever wants at a time.
int32_t search_width(const SearchOptions& options);

/// What one sentence's search starts from. Ids of the model's vocabulary.
struct SearchTask {
  std::shared_ptr<const SearchOptions> options;
  int32_t start, end;
};

enum class FinishReason { kEnd, kLength, kTimeout };

/// One target that a search found.
struct Found {
  std::vector<int32_t> tokens;      // without the end
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

/// The search for one sentence's target: a state machine that says which rows
/// it wants computed and takes what the model thinks of them. It knows nothing
/// of other sentences, of caches or of the model.
class Search {
 public:
  explicit Search(const SearchTask& task)
      : task_(task), rows_{{task.start, 0}} {
    set_apart();
  }
  virtual ~Search() = default;

  /// Tokens that come before the first rows, which are behind the last of
  /// them. They are fed in one pass, and nothing is asked about them.
  const std::vector<int32_t>& prefix() const { return prefix_; }

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

  /// Says which tokens may not come next: those that are suppressed, and the
  /// end of a target that is too short.
  void set_apart();

  const SearchTask task_;
  int32_t length_ = 0;  // tokens that every live hypothesis has
  std::vector<int32_t> prefix_;
  std::vector<int32_t> apart_;  // ascending
  std::vector<NextRow> rows_;
};

/// Greedy for a beam of 1, beam search otherwise.
std::unique_ptr<Search> make_search(const SearchTask& task);

std::unique_ptr<Search> make_greedy(const SearchTask& task);
std::unique_ptr<Search> make_beam(const SearchTask& task);

}  // namespace pyattn
