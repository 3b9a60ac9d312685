#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace pyattn {

enum class EarlyStopping { kHeuristic, kFull, kNever, kBest };

/// What is added to the logit of the last of these tokens where the others
/// stand before it; minus infinity forbids it.
struct SequenceBias {
  std::vector<int32_t> tokens;
  float bias;
};

/// How a target is searched for: pyattn.options.GenerationOptions, field by
/// field, which says what they mean. Two are not here: `suppress_sequences` are
/// sequence biases of minus infinity, and `disable_unk` is a token more to
/// suppress.
struct SearchOptions {
  int32_t beam_size, num_hypotheses;
  double patience;
  EarlyStopping early_stopping;
  double max_time;  // seconds; infinite: no limit

  int32_t max_new_tokens, min_new_tokens;
  float max_length_factor;          // 0: any length
  std::vector<int32_t> end_tokens;  // empty: the model's own
  bool force_end, return_end_token;

  float length_penalty, coverage_penalty;
  bool length_counts_prefix;

  std::vector<int32_t> target_prefix;
  float prefix_bias_beta;  // 0: the prefix is certain
  bool return_prefix, end_behind_prefix;
  int32_t forced_bos_token;  // -1: none

  std::vector<int32_t> suppress_tokens, begin_suppress_tokens;  // ascending
  std::vector<SequenceBias> sequence_bias;
  float repetition_penalty, encoder_repetition_penalty;
  int32_t no_repeat_ngram_size, encoder_no_repeat_ngram_size;  // 0: any
  bool history_counts_start, renormalize;

  bool do_sample;
  float temperature, top_p, min_p;
  int32_t top_k;  // 0: all
  uint64_t seed;

  bool scores;
  bool alignment;
  AlignmentHeads alignment_heads;  // empty: the search needs no alignment

  bool return_alternatives;
  float min_alternative_expansion_prob;

  /// Whether hypotheses come with scores: all searches but greedy need them.
  bool returns_scores() const {
    return scores || beam_size > 1 || do_sample || return_alternatives;
  }

  /// The maximum of new tokens for a source of so many tokens.
  int32_t max_tokens(size_t source) const;

  /// Tokens of the target that are fed before the search begins.
  int32_t certain_prefix() const {
    return prefix_bias_beta > 0 ? 0
                                : static_cast<int32_t>(target_prefix.size());
  }
};

/// What options must fit of a model.
struct TargetSpace {
  int64_t vocab, max_positions;
  int32_t end;
};

/// Throws ArgumentError unless options fit the model.
void check_options(const TargetSpace& space, const SearchOptions& options);

/// The maximum of rows that a search with these options takes in a step.
int32_t search_width(const SearchOptions& options);

}  // namespace pyattn
