#pragma once

#include <cstdint>
#include <span>

#include "model/decoder.h"
#include "model/sublayer.h"
#include "model/weights.h"

namespace pyattn {

/// What a decoder may have in the place of self-attention: a state that every
/// token takes from the one before it. Rows are those of a step, see `decode`;
/// `layer` says where in their slots the states are.

/// The simpler simple recurrent unit (Kim et al. 2019, section 3.2):
///     c_t = f_t * c_{t-1} + (1 - f_t) * W x_t, f_t = sigmoid(W_f x_t + b_f),
/// and relu(c_t) is what the residual stream gets.
void ssru(const ModelWeights& weights, const SsruWeights& ssru, int64_t layer,
          std::span<const DecoderRow> rows, Stream& stream);

/// Average attention (Zhang et al. 2018, section 3.1): the mean of the inputs
/// so far, through a feed-forward, and put together with the input itself by
/// gates, where the model has these.
void average(const ModelWeights& weights, const AverageWeights& average,
             int64_t layer, std::span<const DecoderRow> rows, Stream& stream);

}  // namespace pyattn
