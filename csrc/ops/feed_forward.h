#pragma once

#include "base/buffer.h"
#include "ops/linear.h"

namespace pyattn {

/// What a feed-forward computes between its products; kept from one use to the
/// next.
struct Middle {
  Buffer<float> rows;
  LinearInput input;
};

/// y = down(activation(up(x))) + residual, which may be y itself (Vaswani et
/// al. 2017, section 3.3). Many rows go through both products a block at a
/// time, whose middle stays in the cache of one core.
void feed_forward(const PackedLinear& up, const PackedLinear& down,
                  Activation activation, const LinearInput& x, int64_t rows,
                  ConstRows residual, Middle& middle, Rows y);

}  // namespace pyattn
