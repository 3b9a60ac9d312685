#include "ops/feed_forward.h"

#include "base/check.h"

namespace pyattn {

void feed_forward(const PackedLinear& up, const PackedLinear& down,
                  Activation activation, ConstRows x, int64_t rows,
                  ConstRows residual, Buffer<float>& middle, Rows y) {
  check(up.out() == down.in(), "feed_forward",
        "the second weight's columns differ from the first weight's rows");
  const Rows inner = {middle.at_least(rows * up.out()), up.out()};
  linear(up, x, rows, inner, {.activation = activation});
  linear(down, inner.read(), rows, y, {.residual = residual});
}

}  // namespace pyattn
