#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "kernels/table.h"
#include "ops/packed_linear.h"
#include "ops/rows.h"

namespace pyattn {

/// The input of a product in the form that its weights need: the rows
/// themselves, or each row in bfloat16, or in int8 with a scale. Its memory is
/// reused.
class LinearInput {
 public:
  LinearInput() = default;
  LinearInput(const PackedLinear& weight, ConstRows x, int64_t rows) {
    prepare(weight, x, rows);
  }

  /// Takes rows; a conversion is split over threads.
  void prepare(const PackedLinear& weight, ConstRows x, int64_t rows);

  /// Memory into which another kernel writes the words of rows; none, with null
  /// `data`, if the product reads `x` itself.
  WordRows allocate(const PackedLinear& weight, ConstRows x, int64_t rows);

  /// The same for rows of KernelTable::bounds, in int8 on every level.
  WordRows allocate_bounds(const PackedLinear& weight, int64_t rows);

  /// Memory into which another product writes its outputs in bfloat16.
  WordRows allocate_outputs(const PackedLinear& weight, int64_t rows);

  /// The arguments' input, from `row` on.
  void set(LinearArgs& args, int64_t row) const;

 private:
  WordRows take(int64_t words_of_row, int64_t rows, int tile);

  Words kind_ = Words::kFloats;
  const void* data_ = nullptr;
  int64_t stride_ = 0;  // words
  const SplitPart* parts_ = nullptr;
  int64_t part_stride_ = 0;
  const float* scale_ = nullptr;
  const int32_t* zero_ = nullptr;
  Buffer<float> words_, scales_;
  Buffer<int32_t> zeros_;
  Buffer<SplitPart> part_rows_;
};

/// What happens to a sum before it is stored.
struct Epilogue {
  Activation activation = Activation::kNone;
  ConstRows residual = {nullptr, 0};
  // Takes the result in the place of y, as the input of another product that
  // reads bfloat16.
  WordRows words = {};

  Epilogue from(int64_t row) const;
};

/// y = activation(x W^T + bias) + residual; x [rows, in], y [rows, out], which
/// may be the residual itself. With a gate: see LinearArgs.
void linear(const PackedLinear& weight, const LinearInput& x, int64_t rows,
            Rows y, const Epilogue& epilogue);
void linear(const PackedLinear& weight, ConstRows x, int64_t rows, Rows y,
            const Epilogue& epilogue);

/// A part of the same product on this thread: rows of x from `row` on, a
/// multiple of kRowBlock, which go to the first rows of y.
void linear_rows(const PackedLinear& weight, const LinearInput& x, int64_t row,
                 int64_t rows, Rows y, const Epilogue& epilogue);

/// Threads share rows in multiples of this, so that tiles stay whole.
inline constexpr int64_t kRowBlock = 32;

}  // namespace pyattn
