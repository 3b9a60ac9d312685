#include "ops/feed_forward.h"

#include <algorithm>

#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// Rows whose middle, of 2048 floats, fills half of an L2 of 2 MiB. Fewer would
// read the weights from L3 more often than their arithmetic takes.
constexpr int64_t kBlock = 4 * kRowBlock;

// Both products for rows of x from `row` on, on this thread.
void block(const PackedLinear& up, const PackedLinear& down,
           Activation activation, const LinearInput& x, int64_t row,
           int64_t rows, ConstRows residual, Middle& middle, Rows y) {
  const Rows inner = {middle.rows.at_least(rows * up.out()), up.out()};
  linear_rows(up, x, row, rows, inner, {.activation = activation});
  middle.input.prepare(down, inner.read(), rows);
  linear_rows(down, middle.input, 0, rows, y, {.residual = residual});
}

}  // namespace

void feed_forward(const PackedLinear& up, const PackedLinear& down,
                  Activation activation, const LinearInput& x, int64_t rows,
                  ConstRows residual, Middle& middle, Rows y) {
  check(up.out() == down.in(), "feed_forward",
        "the second weight's columns differ from the first weight's rows");
  if (rows < kBlock * parallel_width()) {
    const Rows inner = {middle.rows.at_least(rows * up.out()), up.out()};
    linear(up, x, rows, inner, {.activation = activation});
    middle.input.prepare(down, inner.read(), rows);
    linear(down, middle.input, rows, y, {.residual = residual});
    return;
  }
  parallel_for(
      (rows + kBlock - 1) / kBlock, 1, [&](int64_t begin, int64_t end) {
        Middle own;
        for (int64_t row = begin * kBlock; row < std::min(end * kBlock, rows);
             row += kBlock) {
          block(up, down, activation, x, row, std::min(kBlock, rows - row),
                residual.from(row), own, y.from(row));
        }
      });
}

}  // namespace pyattn
