#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "kernels/table.h"
#include "ops/rows.h"
#include "ops/selection.h"

namespace pyattn {

/// What a caller wants to know about the tokens that may follow one row.
struct Question {
  int64_t k = 1;  // how many of the best tokens
  /// Ids, ascending, that are listed separately: the answer has their raw
  /// logits, and they are neither among the best tokens, nor in the sum, nor
  /// drawn.
  std::span<const int32_t> apart;
  /// Tokens are drawn by softmax(logits * inverse_temperature); 0: none are.
  float inverse_temperature = 0;
  /// Whether log-probabilities are wanted, not the best tokens alone.
  bool sum = true;
  /// Whether the logits of those apart are wanted; else they may be -inf.
  bool apart_logits = true;
};

/// A token with its logit.
struct Token {
  int32_t id = -1;
  float logit = -std::numeric_limits<float>::infinity();
};

/// The logarithm of a sum of exponentials, in two parts: the largest exponent
/// `max`, and the logarithm of the sum of exp(x - max).
struct LogSum {
  float max = -std::numeric_limits<float>::infinity();
  float log = -std::numeric_limits<float>::infinity();

  /// In this order, so that a result near zero keeps its digits.
  float log_prob(float logit) const { return (logit - max) - log; }

  /// In the place of a sum that nobody wants: "log-probabilities" are logits,
  /// which have the same order.
  static LogSum none() { return {0, 0}; }

  /// The same sum with these logits added.
  LogSum with(std::span<const float> logits) const;
};

class VocabularySearch;

/// The columns of the output that are computed: a selection, or all.
struct Vocabulary {
  const PackedLinear& output;
  const Selection* selection;  // of `output`; null is all of it
  float soft_cap = 0;          // if not 0, logits are cap * tanh(logits / cap)
  const VocabularySearch* search = nullptr;  // of all columns; or null
};

class Projection;

/// The answers for all rows. Draws, and more of the best tokens, are computed
/// when a caller wants them, from the vocabulary and the rows of x, which must
/// outlive the answers.
///
/// Immutable once made: any number of threads may use it.
struct Answers {
  int64_t k = 0;               // the maximum of all questions
  std::vector<int32_t> found;  // [rows], at most k
  std::vector<int32_t> ids;    // [rows, k], best first; equal ones by id
  std::vector<float> logits;   // [rows, k]
  /// [rows]: of all columns that are not apart; LogSum::none() where the
  /// question wants no sum.
  std::vector<LogSum> rest;
  /// [rows]: the same for logits * inverse_temperature, where the question
  /// wants draws.
  std::vector<LogSum> tempered;
  std::vector<int64_t> apart_starts;  // [rows + 1]
  std::vector<int32_t> apart_ids;     // of all rows
  std::vector<float> apart_logits;    // of apart_ids; -inf without a column
  std::shared_ptr<const Projection> projection;

  std::span<const float> apart(int64_t row) const {
    const int64_t begin = apart_starts[row];
    return {apart_logits.data() + begin,
            static_cast<size_t>(apart_starts[row + 1] - begin)};
  }

  /// The token at which the running sum of probabilities, in the order of the
  /// columns, passes `uniform`, a number in [0, 1). The row's question must
  /// want draws. Without a distribution (NaN) the id is -1.
  Token draw(int64_t row, double uniform) const;

  /// The same for a nucleus (Holtzman et al. 2020), best token first: the
  /// fewest of the best tokens whose probabilities add up to `mass`, a number
  /// in (0, 1].
  Token draw(int64_t row, double uniform, double mass) const;

  /// The best k tokens of a row, which may be more than its question wanted.
  std::vector<Token> best(int64_t row, int64_t k) const;
};

/// The answers about the rows of x W^T + bias; one question for each row.
/// Logits exist for a few hundred columns at a time and are never stored as a
/// whole. Ids are those of the whole output, whatever columns are selected.
Answers best_tokens(const Vocabulary& vocabulary, ConstRows x,
                    const std::vector<Question>& questions);

}  // namespace pyattn
