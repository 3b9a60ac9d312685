#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "model/weights.h"

namespace pyattn {

/// Calls `body(begin, end)` on consecutive sequences, so many at a time as make
/// up about a thousand tokens of `size(i)` each. More at a time gain nothing:
/// the products are bound by arithmetic long before.
void by_groups(size_t count, const std::function<int64_t(size_t)>& size,
               const std::function<void(size_t, size_t)>& body);

/// What the decoder makes of the start, or of the last token of a prompt, and
/// of every token of a target.
struct Fed {
  const float* states;               // [rows, dim]
  int64_t rows;                      // the target's tokens and one
  std::span<const float> alignment;  // [rows, source], if asked for
};

/// Feeds given targets in one pass each (teacher forcing). `heads` are the
/// heads whose attention is told; null: none.
void feed_targets(const ModelWeights& weights,
                  const std::vector<Source>& sources,
                  const std::vector<Sequence>& targets,
                  const AlignmentHeads* heads,
                  const std::function<void(size_t, const Fed&)>& body);

/// The log-probability of each token of a target and of the end behind them,
/// from the decoder's output for it: states [rows, dim], scores [rows].
void token_scores(const ModelWeights& weights, const float* states,
                  const Sequence& target, float* scores);

}  // namespace pyattn
