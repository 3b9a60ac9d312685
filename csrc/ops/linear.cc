#include "ops/linear.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

// A part of a product that is worth a thread: at one row about 64 Ki weights
// are 20 us of reading memory, ten times what waking a helper costs.
constexpr int64_t kWorkPerThread = 64 * 1024;

// From this many rows per thread on, threads share rows instead of columns: a
// row's output then stays in one core's cache for what comes next.
constexpr int64_t kRowsPerThread = 64;

}  // namespace

PackedLinear::PackedLinear(const KernelTable& table,
                           const std::vector<LinearPart>& parts, int64_t in,
                           std::shared_ptr<Arena> arena)
    : table_(&table), in_(in), arena_(std::move(arena)) {
  check(in > 0, "linear", "weight has no columns");
  for (const LinearPart& part : parts) {
    check(part.out > 0, "linear", "weight has no rows");
    out_ += part.out;
  }
  const int64_t panel = table.panel;
  weight_ = arena_->take(panels() * panel * in);
  bias_ = arena_->take(panels() * panel);
  std::fill_n(bias_, panels() * panel, 0.0F);
  // Columns past the last output are multiplied too, and must be numbers.
  std::fill_n(weight_ + (panels() - 1) * panel * in, panel * in, 0.0F);
  int64_t column = 0;
  for (const LinearPart& part : parts) {
    for (int64_t o = 0; o < part.out; ++o, ++column) {
      const float* from = part.weight + o * in;
      float* to = weight_ + column / panel * panel * in + column % panel;
      for (int64_t i = 0; i < in; ++i) {
        to[i * panel] = from[i];
      }
      if (part.bias != nullptr) {
        bias_[column] = part.bias[o];
      }
    }
  }
}

int64_t PackedLinear::panels() const {
  return (out_ + table_->panel - 1) / table_->panel;
}

int64_t PackedLinear::bytes() const {
  return panels() * table_->panel * (in_ + 1) *
         static_cast<int64_t>(sizeof(float));
}

LinearArgs PackedLinear::columns(int64_t begin_panel, int64_t end_panel) const {
  const int64_t begin = begin_panel * table_->panel;
  LinearArgs args = {};
  args.weight = weight_ + begin * in_;
  args.bias = bias_ + begin;
  args.in = in_;
  args.out = std::min(end_panel * table_->panel, out_) - begin;
  return args;
}

void linear(const PackedLinear& weight, ConstRows x, int64_t rows, Rows y,
            const Epilogue& epilogue) {
  const KernelTable& table = weight.table();
  const auto part = [&](int64_t row, int64_t end_row, int64_t panel,
                        int64_t end_panel) {
    LinearArgs args = weight.columns(panel, end_panel);
    const int64_t column = panel * table.panel;
    args.x = x.data + row * x.stride;
    args.x_stride = x.stride;
    args.rows = end_row - row;
    args.y = y.data + row * y.stride + column;
    args.y_stride = y.stride;
    args.activation = epilogue.activation;
    if (epilogue.residual.data != nullptr) {
      args.residual =
          epilogue.residual.data + row * epilogue.residual.stride + column;
      args.residual_stride = epilogue.residual.stride;
    }
    table.linear(args);
  };
  if (rows >= kRowsPerThread * parallel_width()) {
    parallel_for(rows, kRowsPerThread, [&](int64_t begin, int64_t end) {
      part(begin, end, 0, weight.panels());
    });
    return;
  }
  const int64_t work = std::max<int64_t>(rows, 1) * weight.in() * table.panel;
  parallel_for(weight.panels(), kWorkPerThread / work + 1,
               [&](int64_t begin, int64_t end) { part(0, rows, begin, end); });
}

}  // namespace pyattn
