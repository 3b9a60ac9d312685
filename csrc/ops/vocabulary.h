#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "ops/linear.h"
#include "ops/selection.h"

namespace pyattn {

/// y[row] = table[ids[row]] * scale + positions[position_ids[row]], split over
/// threads.
void embed(const KernelTable& table, const EmbedArgs& args);

/// What may not be chosen. It still counts in the distribution: log-
/// probabilities are those of the model, whatever is forbidden.
struct Forbidden {
  std::vector<int32_t> always;      // ids, ascending
  std::vector<uint8_t> end_in_row;  // [rows]: whether `end` is forbidden there
  int32_t end = -1;
};

/// The best next tokens of each row, from the best down; equal ones by id.
struct Candidates {
  int64_t k = 0;
  std::vector<int32_t> found;    // [rows], at most k
  std::vector<int32_t> ids;      // [rows, k]
  std::vector<float> log_probs;  // [rows, k]
};

/// The columns that are computed: a selection of the output's, or all.
struct Vocabulary {
  const PackedLinear& output;
  const Selection* selection;  // of `output`; null is all of it
};

/// log_softmax(x W^T + bias) over the vocabulary's columns, and the `k` best of
/// them per row. The logits exist for a few hundred columns at a time and are
/// never stored as a whole. Ids are always those of the whole output.
void best_tokens(const Vocabulary& vocabulary, ConstRows x, int64_t rows,
                 int64_t k, const Forbidden& forbidden, Candidates& best);

}  // namespace pyattn
