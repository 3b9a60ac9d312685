#include "search/constraints.h"

#include <algorithm>
#include <limits>

namespace pyattn {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

std::vector<int32_t> distinct(std::span<const int32_t> tokens) {
  std::vector<int32_t> sorted(tokens.begin(), tokens.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

// Leaves one edit per token, ascending: biases add up, penalties multiply. A
// token that is forbidden stays so, since minus infinity absorbs both.
void merge(std::vector<Edit>& edits) {
  std::stable_sort(
      edits.begin(), edits.end(),
      [](const Edit& a, const Edit& b) { return a.token < b.token; });
  size_t count = 0;
  for (const Edit& edit : edits) {
    if (count > 0 && edits[count - 1].token == edit.token) {
      edits[count - 1].bias += edit.bias;
      edits[count - 1].penalty *= edit.penalty;
    } else {
      edits[count++] = edit;
    }
  }
  edits.resize(count);
}

bool ends_with(std::span<const int32_t> tokens,
               std::span<const int32_t> ending) {
  return tokens.size() >= ending.size() &&
         std::equal(ending.begin(), ending.end(),
                    tokens.end() - static_cast<ptrdiff_t>(ending.size()));
}

}  // namespace

// Edits that never change are collected once; a step adds those that depend on
// its length or its target.
Constraints::Constraints(const SearchTask& task)
    : options_(*task.options),
      task_(task),
      ends_(options_.end_tokens.empty() ? std::vector<int32_t>{task.end}
                                        : options_.end_tokens),
      max_tokens_(
          std::min(options_.max_tokens(task.source.size()), task.most_tokens)),
      reads_target_(options_.repetition_penalty != 1 ||
                    options_.no_repeat_ngram_size > 0 ||
                    options_.encoder_no_repeat_ngram_size > 0 ||
                    options_.prefix_bias_beta > 0) {
  for (const int32_t token : options_.suppress_tokens) {
    forbid(always_, token);
  }
  for (const SequenceBias& one : options_.sequence_bias) {
    // A bias on a single token needs no history.
    if (one.tokens.size() == 1) {
      always_.push_back({one.tokens[0], one.bias});
    } else {
      reads_target_ = true;
    }
  }
  if (options_.encoder_repetition_penalty != 1) {
    for (const int32_t token : distinct(task.source)) {
      // Tokens of the source become more likely, hence the reciprocal.
      always_.push_back({token, 0, 1 / options_.encoder_repetition_penalty});
    }
  }
}

bool Constraints::is_end(int32_t token) const {
  return std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

std::optional<int32_t> Constraints::forced(int32_t length) const {
  // The end first: a maximum of one token leaves no place for another.
  if (forces_end(length)) {
    return ends_.front();
  }
  if (options_.forced_bos_token >= 0 && length == 0) {
    return options_.forced_bos_token;
  }
  return std::nullopt;
}

// Processors of transformers apply in a fixed order. Here edits are merged per
// token; the order matters only between a bias and a penalty of one token, and
// `Edit::apply` defines it.
NextRules Constraints::rules(int32_t length,
                             std::span<const int32_t> target) const {
  NextRules rules = {always_, {}, -1};
  std::vector<Edit>& edits = rules.edits;
  if (length < options_.min_new_tokens) {
    for (const int32_t token : ends_) {
      forbid(edits, token);
    }
  }
  // The first token that the model chooses stands behind a forced one.
  if (length == (options_.forced_bos_token >= 0 ? 1 : 0)) {
    for (const int32_t token : options_.begin_suppress_tokens) {
      forbid(edits, token);
    }
  }
  if (reads_target_) {
    const size_t opening = task_.prompted ? task_.source.size() : 1;
    const auto history =
        target.subspan(options_.history_counts_start ? 0 : opening);
    edit_repeated(edits, history);
    edit_sequences(edits, history);
    forbid_ngrams(edits, history, history, options_.no_repeat_ngram_size);
    forbid_ngrams(edits, task_.source, history,
                  options_.encoder_no_repeat_ngram_size);
    const std::span<const int32_t> prefix = options_.target_prefix;
    if (options_.prefix_bias_beta > 0 &&
        static_cast<size_t>(length) < prefix.size() &&
        ends_with(target, prefix.first(static_cast<size_t>(length)))) {
      // The target still follows the prefix. The empty edit makes the
      // projection return the expected token's logit.
      rules.expected = prefix[static_cast<size_t>(length)];
      edits.push_back({rules.expected});
    }
  }
  merge(edits);
  for (const Edit& edit : edits) {
    rules.apart.push_back(edit.token);
  }
  return rules;
}

void Constraints::forbid(std::vector<Edit>& edits, int32_t token) const {
  edits.push_back({token, kForbidden});
}

// Once per distinct token, however often it occurs (Keskar et al. 2019).
void Constraints::edit_repeated(std::vector<Edit>& edits,
                                std::span<const int32_t> history) const {
  if (options_.repetition_penalty != 1) {
    for (const int32_t token : distinct(history)) {
      edits.push_back({token, 0, options_.repetition_penalty});
    }
  }
}

// The bias of a sequence concerns its last token, once the others are there.
void Constraints::edit_sequences(std::vector<Edit>& edits,
                                 std::span<const int32_t> history) const {
  for (const SequenceBias& one : options_.sequence_bias) {
    const std::span<const int32_t> before(one.tokens.data(),
                                          one.tokens.size() - 1);
    if (!before.empty() && ends_with(history, before)) {
      edits.push_back({one.tokens.back(), one.bias});
    }
  }
}

// Forbids the tokens that would complete an n-gram of `from`: those that follow
// an occurrence of the last n - 1 tokens in it.
void Constraints::forbid_ngrams(std::vector<Edit>& edits,
                                std::span<const int32_t> from,
                                std::span<const int32_t> history,
                                int32_t size) const {
  const size_t before = static_cast<size_t>(size) - 1;
  if (size == 0 || history.size() < before) {
    return;
  }
  const auto ending = history.last(before);
  for (size_t at = 0; at + before < from.size(); ++at) {
    if (ends_with(from.first(at + before), ending)) {
      forbid(edits, from[at + before]);
    }
  }
}

}  // namespace pyattn
