#pragma once

#include <cstdint>
#include <memory>
#include <vector>

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
  std::vector<int32_t> suppressed;  // ascending
};

/// One target that a search found.
struct Found {
  std::vector<int32_t> tokens;      // without the end
  std::vector<float> token_scores;  // of the tokens and of the end, if reached
  float score;
  bool ended;
};

/// A row to feed to the decoder: a token behind the past of the `parent`-th
/// row of the step before.
struct NextRow {
  int32_t token;
  int32_t parent;
};

/// The search for one sentence's target: a state machine that says which rows
/// it wants computed and takes what the model thinks of them. It knows nothing
/// of other sentences, of caches or of the model.
class Search {
 public:
  Search(const SearchOptions& options, int32_t start, int32_t end)
      : options_(options), end_(end), rows_{{start, 0}} {}
  virtual ~Search() = default;

  /// The rows to compute next; empty once the search is over.
  const std::vector<NextRow>& rows() const { return rows_; }

  /// Candidates that each row needs.
  virtual int32_t candidates() const = 0;

  /// Whether the end may not come next.
  bool end_forbidden() const { return length_ < options_.min_new_tokens; }

  /// Takes the candidates of its rows, which are the rows from `first` on.
  virtual void advance(const Candidates& best, int64_t first) = 0;

  /// What was found, best first. Call once the search is over.
  virtual std::vector<Found> results() = 0;

 protected:
  const SearchOptions& options_;
  const int32_t end_;
  int32_t length_ = 0;  // tokens that every live hypothesis has
  std::vector<NextRow> rows_;
};

/// Greedy for a beam of 1, beam search otherwise. The options must outlive it.
std::unique_ptr<Search> make_search(const SearchOptions& options, int32_t start,
                                    int32_t end);

std::unique_ptr<Search> make_greedy(const SearchOptions& options, int32_t start,
                                    int32_t end);
std::unique_ptr<Search> make_beam(const SearchOptions& options, int32_t start,
                                  int32_t end);

}  // namespace pyattn
