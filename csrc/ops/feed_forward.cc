#include "ops/feed_forward.h"

#include <algorithm>

#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// Rows whose middle, of 2048 floats, fills half of an L2 of 2 MiB. Fewer would
// read the weights from L3 more often than their arithmetic takes.
constexpr int64_t kBlock = 4 * kRowBlock;

// The first product: `multiply(y, epilogue)` computes it for `rows` rows, which
// become the input of the second. bfloat16 goes there straight; int8 has to
// wait for the range of its row.
template <class Multiply>
void fill_middle(const PackedLinear& down, Activation activation, int64_t rows,
                 Middle& middle, Multiply multiply) {
  if (down.kernel().words == Words::kBFloat16) {
    multiply(Rows{nullptr, 0},
             Epilogue{.activation = activation,
                      .words = middle.input.allocate_outputs(down, rows)});
    return;
  }
  const int64_t stride = row_stride(down.in());
  const Rows inner = {middle.rows.at_least(rows * stride), stride};
  multiply(inner, Epilogue{.activation = activation});
  middle.input.prepare(down, inner.read(), rows);
}

}  // namespace

void feed_forward(const PackedLinear& up, const PackedLinear& down,
                  Activation activation, const LinearInput& x, int64_t rows,
                  ConstRows residual, Middle& middle, Rows y) {
  check(up.out() == down.in(), "feed_forward",
        "the second weight's columns differ from the first weight's rows");
  if (rows < kBlock * parallel_width()) {
    fill_middle(down, activation, rows, middle,
                [&](Rows to, const Epilogue& epilogue) {
                  linear(up, x, rows, to, epilogue);
                });
    linear(down, middle.input, rows, y, {.residual = residual});
    return;
  }
  const auto block = [&](int64_t row, int64_t count, Middle& own) {
    fill_middle(down, activation, count, own,
                [&](Rows to, const Epilogue& epilogue) {
                  linear_rows(up, x, row, count, to, epilogue);
                });
    linear_rows(down, own.input, 0, count, y.from(row),
                {.residual = residual.from(row)});
  };
  parallel_for((rows + kBlock - 1) / kBlock, 1,
               [&](int64_t begin, int64_t end) {
                 Middle own;
                 for (int64_t n = begin; n < end; ++n) {
                   block(n * kBlock, std::min(kBlock, rows - n * kBlock), own);
                 }
               });
}

}  // namespace pyattn
