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

/// What is asked of one row of output.
struct Question {
  int64_t k = 1;  // tokens, the best ones
  /// Ids, ascending, that the caller judges itself: they are neither among the
  /// best nor in the sum nor drawn, and their logits are told.
  std::span<const int32_t> apart;
  /// Tokens are drawn by softmax(logits * inverse_temperature); 0: none are.
  float inverse_temperature = 0;
};

/// A token with its logit.
struct Token {
  int32_t id = -1;
  float logit = -std::numeric_limits<float>::infinity();
};

/// The logarithm of a sum of exponentials, in two parts: the largest exponent,
/// and the logarithm of the sum over its exponential.
struct LogSum {
  float max = -std::numeric_limits<float>::infinity();
  float log = -std::numeric_limits<float>::infinity();

  /// Near zero it keeps its digits, since the large parts go first.
  float log_prob(float logit) const { return (logit - max) - log; }

  /// That of these logits too.
  LogSum with(std::span<const float> logits) const;
};

/// The columns that are computed: a selection of the output's, or all.
struct Vocabulary {
  const PackedLinear& output;
  const Selection* selection;  // of `output`; null is all of it
  float soft_cap = 0;          // if not 0, logits are cap * tanh(logits / cap)
};

class Projection;

/// The answers for each row. Whatever is asked later reads the vocabulary and
/// the rows of x once more, so both must still be there; it may be asked by
/// several threads.
struct Answers {
  int64_t k = 0;               // the most that was asked
  std::vector<int32_t> found;  // [rows], at most k
  std::vector<int32_t> ids;   // [rows, k], from the best down; equal ones by id
  std::vector<float> logits;  // [rows, k]
  std::vector<LogSum> rest;   // [rows]: of all columns that are not apart
  /// [rows]: the same of logits * inverse_temperature; of rows whose question
  /// wants draws.
  std::vector<LogSum> tempered;
  std::vector<int64_t> apart_starts;  // [rows + 1]
  std::vector<int32_t> apart_ids;     // row behind row
  std::vector<float> apart_logits;    // like apart_ids; -inf of no column
  std::shared_ptr<const Projection> projection;

  std::span<const float> apart(int64_t row) const {
    const int64_t begin = apart_starts[row];
    return {apart_logits.data() + begin,
            static_cast<size_t>(apart_starts[row + 1] - begin)};
  }

  /// The token at which the probabilities, added in the order of the columns,
  /// pass `uniform`, a number in [0, 1). The row's question wants draws. Where
  /// there is no distribution, the id is -1.
  Token draw(int64_t row, double uniform) const;

  /// The same of a nucleus (Holtzman et al. 2020) alone, in the order of its
  /// tokens: the fewest of the best whose probabilities add up to `mass`, a
  /// number in (0, 1].
  Token draw(int64_t row, double uniform, double mass) const;

  /// The best k tokens of a row, however many were asked before.
  std::vector<Token> best(int64_t row, int64_t k) const;
};

/// The best tokens of each row of x W^T + bias, and its sum of exponentials.
/// The logits exist for a few hundred columns at a time and are never stored as
/// a whole. Ids are always those of the whole output. There is one question for
/// each row.
Answers best_tokens(const Vocabulary& vocabulary, ConstRows x,
                    const std::vector<Question>& questions);

}  // namespace pyattn
