#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "search/options.h"

namespace pyattn {

/// What one sentence's search starts from. Ids of the model's vocabulary.
struct SearchTask {
  std::shared_ptr<const SearchOptions> options;
  int32_t start, end;
  std::span<const int32_t> source;  // outlives the search
};

/// What happens to the logit, or the log-probability, of one token: first
/// `bias` is added, then it is made smaller by `penalty` where that is above 1.
struct Edit {
  int32_t token;
  float bias = 0;
  float penalty = 1;

  float apply(float x) const {
    x += bias;
    return x < 0 ? x * penalty : x / penalty;
  }
};

/// What the options say about the token behind a hypothesis. All other tokens
/// are as the model has them.
struct NextRules {
  std::vector<Edit> edits;     // tokens ascend
  std::vector<int32_t> apart;  // their tokens
  int32_t expected = -1;       // of a prefix that is only likely
};

/// Turns options into rules for single hypotheses.
class Constraints {
 public:
  explicit Constraints(const SearchTask& task);

  const std::vector<int32_t>& ends() const { return ends_; }
  bool is_end(int32_t token) const;

  /// The most new tokens that the target may have.
  int32_t longest() const { return longest_; }

  /// The token that is certain to come behind `length` new ones.
  std::optional<int32_t> forced(int32_t length) const;

  /// Whether it is an end, there because no longer target is allowed.
  bool forces_end(int32_t length) const {
    return options_.force_end && length + 1 == longest_;
  }

  /// Whether rules depend on what was said, and not on its length alone.
  bool read_history() const { return read_history_; }

  /// What holds behind `length` new tokens. `said` is all there is of the
  /// target: the start, the prefix and the new tokens; it may be empty unless
  /// `read_history`.
  NextRules rules(int32_t length, std::span<const int32_t> said) const;

 private:
  void forbid(std::vector<Edit>& edits, int32_t token) const;
  void edit_repeated(std::vector<Edit>& edits,
                     std::span<const int32_t> history) const;
  void edit_sequences(std::vector<Edit>& edits,
                      std::span<const int32_t> history) const;
  void forbid_ngrams(std::vector<Edit>& edits, std::span<const int32_t> from,
                     std::span<const int32_t> history, int32_t size) const;

  const SearchOptions& options_;
  const SearchTask& task_;
  const std::vector<int32_t> ends_;
  const int32_t longest_;
  std::vector<Edit> always_;
  bool read_history_;
};

}  // namespace pyattn
