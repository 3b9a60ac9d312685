#include "ops/linear.h"

#include <algorithm>

#include "base/threads.h"

namespace pyattn {
namespace {

// Bytes of weights, or as many of arithmetic on them, that are worth a thread:
// 20 us of reading memory, ten times what waking a helper costs.
constexpr int64_t kWorkPerThread = 256 * 1024;

// From this many rows per thread on, threads share rows instead of columns: a
// row's output then stays in one core's cache for what comes next.
constexpr int64_t kRowsPerThread = 64;

// The part of a product that one thread computes: rows of the input from `row`
// on, which go to `y`, and panels [panel, end_panel).
void multiply(const PackedLinear& weight, const LinearInput& x, int64_t row,
              int64_t rows, int64_t panel, int64_t end_panel, Rows y,
              const Epilogue& epilogue) {
  LinearArgs args = weight.columns(panel, end_panel);
  const int64_t column = panel * weight.panel_width();
  x.set(args, row);
  args.rows = rows;
  if (epilogue.words.data != nullptr) {
    args.y_bfloat16 = static_cast<uint16_t*>(epilogue.words.data) + column;
    args.y_stride = epilogue.words.stride * 2;
  } else {
    args.y = y.data + column;
    args.y_stride = y.stride;
  }
  args.activation = epilogue.activation;
  if (epilogue.residual.data != nullptr) {
    args.residual = epilogue.residual.data + column;
    args.residual_stride = epilogue.residual.stride;
  }
  weight.run(args);
}

// Words of a row of inputs, with what lies behind them.
int64_t row_words(const PackedLinear& weight) {
  const int64_t steps = weight.steps();
  const int64_t groups = steps / kInputGroupSteps;
  const int64_t rest =
      static_cast<int64_t>(sizeof(SplitRest)) / 4 +
      split_room(steps) * static_cast<int64_t>(sizeof(SplitPart)) / 4;
  switch (weight.kernel().words) {
    case Words::kInt8Groups:
      return steps + 2 * groups;
    case Words::kInt8Split:
      return steps + rest;
    case Words::kInt8GroupsSplit:
      return steps + 3 * groups + rest;
    default:
      return steps;
  }
}

}  // namespace

WordRows LinearInput::allocate(const PackedLinear& weight, ConstRows x,
                               int64_t rows) {
  const ProductKernel& kernel = weight.kernel();
  kind_ = kernel.words;
  if (kind_ == Words::kFloats) {
    data_ = x.data;
    stride_ = x.stride;
    scale_ = nullptr;
    zero_ = nullptr;
    return {};
  }
  WordRows words = take(row_words(weight), rows, kernel.rows);
  if (kind_ == Words::kInt8Split || kind_ == Words::kInt8GroupsSplit) {
    // Few are ever written: the memory of others is not touched.
    part_stride_ = kMostSplitParts * weight.steps() + 1;
    parts_ = part_rows_.at_least(rows * part_stride_);
    words.parts = part_rows_.data();
    words.part_stride = part_stride_;
  }
  return words;
}

WordRows LinearInput::allocate_bounds(const PackedLinear& weight,
                                      int64_t rows) {
  kind_ = Words::kInt8;
  return take(weight.steps(), rows, weight.kernel().rows);
}

WordRows LinearInput::take(int64_t words_of_row, int64_t rows, int tile) {
  stride_ = row_stride(words_of_row);
  // A tile may start at any row, and reads whole tiles.
  float* const words = words_.at_least((rows + tile - 1) * stride_);
  float* const scales = scales_.at_least(rows);
  int32_t* const zeros = zeros_.at_least(rows);
  data_ = words;
  scale_ = scales;
  zero_ = zeros;
  return {.kind = kind_,
          .data = words,
          .scale = scales,
          .zero = zeros,
          .stride = stride_};
}

WordRows LinearInput::allocate_outputs(const PackedLinear& weight,
                                       int64_t rows) {
  const WordRows words = allocate(weight, {nullptr, 0}, rows);
  // What pads the last words must be a number: it is multiplied by zero.
  const int64_t width = words.stride * 2;
  for (int64_t row = 0; row < rows && weight.in() < width; ++row) {
    uint16_t* const from = static_cast<uint16_t*>(words.data) + row * width;
    std::fill(from + weight.in(), from + width, uint16_t{0});
  }
  return words;
}

void LinearInput::prepare(const PackedLinear& weight, ConstRows x,
                          int64_t rows) {
  const WordRows words = allocate(weight, x, rows);
  if (words.data == nullptr) {
    return;
  }
  parallel_for(rows, grain(weight.in()), [&](int64_t begin, int64_t end) {
    weight.table().prepare({.x = x.data + begin * x.stride,
                            .words = rows_from(words, begin),
                            .rows = end - begin,
                            .dim = weight.in(),
                            .x_stride = x.stride});
  });
}

void LinearInput::set(LinearArgs& args, int64_t row) const {
  args.x = static_cast<const char*>(data_) + row * stride_ * 4;
  args.words = kind_;
  args.x_parts = parts_ == nullptr ? nullptr : parts_ + row * part_stride_;
  args.part_stride = part_stride_;
  args.x_stride = stride_;
  args.x_scale = scale_ == nullptr ? nullptr : scale_ + row;
  args.x_zero = zero_ == nullptr ? nullptr : zero_ + row;
}

Epilogue Epilogue::from(int64_t row) const {
  return {activation, residual.from(row),
          words.data == nullptr ? words : rows_from(words, row)};
}

void linear(const PackedLinear& weight, ConstRows x, int64_t rows, Rows y,
            const Epilogue& epilogue) {
  linear(weight, LinearInput(weight, x, rows), rows, y, epilogue);
}

void linear(const PackedLinear& weight, const LinearInput& x, int64_t rows,
            Rows y, const Epilogue& epilogue) {
  if (rows >= kRowsPerThread * parallel_width()) {
    parallel_for((rows + kRowBlock - 1) / kRowBlock, kRowsPerThread / kRowBlock,
                 [&](int64_t begin, int64_t end) {
                   const int64_t row = begin * kRowBlock;
                   linear_rows(weight, x, row,
                               std::min(end * kRowBlock, rows) - row,
                               y.from(row), epilogue.from(row));
                 });
    return;
  }
  const int64_t work =
      std::max<int64_t>(rows, 1) * weight.bytes() / weight.panels() + 1;
  parallel_for(weight.panels(), kWorkPerThread / work + 1,
               [&](int64_t begin, int64_t end) {
                 multiply(weight, x, 0, rows, begin, end, y, epilogue);
               });
}

void linear_rows(const PackedLinear& weight, const LinearInput& x, int64_t row,
                 int64_t rows, Rows y, const Epilogue& epilogue) {
  multiply(weight, x, row, rows, 0, weight.panels(), y, epilogue);
}

}  // namespace pyattn
