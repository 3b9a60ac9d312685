#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "search/options.h"

namespace pyattn {

/// What a search starts from.
struct SearchTask {
  std::shared_ptr<const SearchOptions> options;
  int32_t start, end;               // of the target vocabulary
  std::span<const int32_t> source;  // outlives the search
  /// Whether the source is a prompt: the target begins with it, in the place of
  /// the start.
  bool prompted = false;
  /// The most new tokens, whatever the options say.
  int32_t most_tokens = std::numeric_limits<int32_t>::max();
};

/// A change to the logit, or the log-probability, of one token: `bias` is added
/// first, then `penalty` makes it smaller if above 1, larger if below.
struct Edit {
  int32_t token;
  float bias = 0;
  float penalty = 1;

  bool forbids() const { return bias == -INFINITY; }

  float apply(float x) const {
    x += bias;
    return x < 0 ? x * penalty : x / penalty;
  }
};

/// The rules for the token that follows a hypothesis. Tokens without an edit
/// keep the model's logits.
struct NextRules {
  std::vector<Edit> edits;     // tokens ascend
  std::vector<int32_t> apart;  // their tokens, for Question::apart
  int32_t expected = -1;       // of a prefix that is not certain; -1: none
};

/// Turns options into rules for single hypotheses. Immutable.
class Constraints {
 public:
  explicit Constraints(const SearchTask& task);

  const std::vector<int32_t>& ends() const { return ends_; }
  bool is_end(int32_t token) const;

  /// The maximum of new tokens of the target.
  int32_t max_tokens() const { return max_tokens_; }

  /// The token that must follow `length` new ones, if options force one.
  std::optional<int32_t> forced(int32_t length) const;

  /// Whether that is an end, because the target has reached its maximum.
  bool forces_end(int32_t length) const {
    return options_.force_end && length + 1 == max_tokens_;
  }

  /// Whether rules depend on the tokens of a target, and not on its length
  /// alone.
  bool reads_target() const { return reads_target_; }

  /// The rules for the token after `length` new ones. `target` is the start or
  /// the prompt, the certain prefix and the new tokens; it may be empty unless
  /// `reads_target`.
  NextRules rules(int32_t length, std::span<const int32_t> target) const;

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
  const int32_t max_tokens_;
  std::vector<Edit> always_;
  bool reads_target_;
};

}  // namespace pyattn
