#pragma once

#include "base/buffer.h"
#include "ops/linear.h"

namespace pyattn {

/// y = activation(x U^T + u) D^T + d + residual (Vaswani et al. 2017, eq. 2);
/// `middle` is room that grows as needed.
void feed_forward(const PackedLinear& up, const PackedLinear& down,
                  Activation activation, ConstRows x, int64_t rows,
                  ConstRows residual, Buffer<float>& middle, Rows y);

}  // namespace pyattn
