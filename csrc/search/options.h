#pragma once

#include <cstdint>
#include <vector>

#include "model/alignment.h"

namespace pyattn {

enum class EarlyStopping { kHeuristic, kFull, kNever, kBest };

/// What is added to the logit of the last of some tokens that stand next to
/// each other; minus infinity forbids it.
struct SequenceBias {
  std::vector<int32_t> tokens;
  float bias;
};

/// How a target is searched for; the fields mean what
/// pyattn.options.GenerationOptions says.
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

  std::vector<int32_t> suppressed, begin_suppressed;  // ascending
  std::vector<SequenceBias> sequence_bias;
  float repetition_penalty, encoder_repetition_penalty;
  int32_t no_repeat_ngram_size, encoder_no_repeat_ngram_size;  // 0: any
  bool history_counts_start, renormalize;

  bool do_sample;
  float temperature, top_p, min_p;
  int32_t top_k;  // 0: all
  uint64_t seed;

  bool scores;  // whether greedy search tells them, as all others do
  bool return_alignment;
  AlignmentHeads aligned;  // whose attention a search is told; none: nothing is

  bool return_alternatives;
  float min_alternative_expansion_prob;

  bool tells_scores() const {
    return scores || beam_size > 1 || do_sample || return_alternatives;
  }

  /// The most new tokens of the target of so many source tokens.
  int32_t longest(size_t source) const;

  /// Tokens that are fed before the search begins.
  int32_t fed_prefix() const {
    return prefix_bias_beta > 0 ? 0
                                : static_cast<int32_t>(target_prefix.size());
  }
};

/// What a model is to those who search in it.
struct TargetSpace {
  int64_t vocab, max_positions;
  int32_t end;
};

/// Throws ArgumentError if options do not fit the model.
void check_options(const TargetSpace& space, const SearchOptions& options);

/// The most rows that a search with these options ever wants at a time.
int32_t search_width(const SearchOptions& options);

}  // namespace pyattn
