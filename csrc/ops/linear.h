#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/buffer.h"
#include "kernels/table.h"
#include "ops/rows.h"

namespace pyattn {

/// One matrix as PyTorch keeps it, with its bias.
struct LinearPart {
  const float* weight;  // [out, in]
  const float* bias;    // [out] or null
  int64_t out;
};

/// How weights are to be kept: for which level, in which number type.
struct Packing {
  const KernelTable& table;
  DType dtype;
};

/// Parts that share their input, as one product.
enum class Joined {
  kInSequence,  // one behind the other in its output: query, key and value
  kGated        // two equal ones: activation(first) * second
};

class PackedLinear;

/// The input of a product in the form that its weights ask for: the rows
/// themselves, or each row in bfloat16, or in int8 with a scale. Its memory is
/// kept from one use to the next.
class LinearInput {
 public:
  LinearInput() = default;
  LinearInput(const PackedLinear& weight, ConstRows x, int64_t rows) {
    prepare(weight, x, rows);
  }

  /// Takes rows; what must be converted is split over threads.
  void prepare(const PackedLinear& weight, ConstRows x, int64_t rows);

  /// Where somebody else puts the words of rows, which stay where they are if
  /// `data` is null: then `x` itself is read.
  WordRows room(const PackedLinear& weight, ConstRows x, int64_t rows);

  /// Where another product puts its outputs in bfloat16.
  WordRows room_for_outputs(const PackedLinear& weight, int64_t rows);

  /// The arguments' input, from `row` on.
  void set(LinearArgs& args, int64_t row) const;

 private:
  const void* data_ = nullptr;
  int64_t stride_ = 0;  // words
  const float* scale_ = nullptr;
  const int32_t* zero_ = nullptr;
  Buffer<float> words_, scales_;
  Buffer<int32_t> zeros_;
};

/// Weights of a matrix product, laid out once for the level that will run them
/// and in the number type that they are multiplied in.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// The arena lives as long as what was packed into it.
  PackedLinear(const Packing& packing, const std::vector<LinearPart>& parts,
               int64_t in, std::shared_ptr<Arena> arena,
               Joined joined = Joined::kInSequence);

  const KernelTable& table() const { return *table_; }
  DType dtype() const { return dtype_; }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  bool gated() const { return gated_; }
  int64_t panels() const;
  /// Outputs of a panel.
  int64_t panel_width() const { return table_->panel / (gated_ ? 2 : 1); }
  int64_t bytes() const { return bytes_; }

  /// The arguments of columns [begin, end) panels, but for rows and epilogue.
  LinearArgs columns(int64_t begin_panel, int64_t end_panel) const;

  /// How its level multiplies.
  const ProductKernel& kernel() const {
    return table_->products[static_cast<int>(dtype_)];
  }

  /// Words of an input row.
  int64_t steps() const;

  /// Bytes of a column in a step.
  int64_t weight_bytes() const;

  /// Multiplies, on this thread.
  void run(const LinearArgs& args) const { kernel().run(args); }

 private:
  template <class T>
  T* take(int64_t count);
  template <class T>
  T* element(int64_t column, int64_t i) const;
  int64_t gated_column(int64_t output, int64_t part) const;
  void pack_output(const LinearPart& part, int64_t output, int64_t column);
  void pack_row(const float* from, int64_t column);
  void pack_int8_row(const float* from, int64_t column);

  const KernelTable* table_ = nullptr;
  DType dtype_ = DType::kFloat32;
  bool gated_ = false;
  int64_t in_ = 0, out_ = 0, bytes_ = 0;
  char* weight_ = nullptr;  // [panels][steps][panel] weights
  float* bias_ = nullptr;   // [panels, panel]
  float* scale_ = nullptr;  // [panels, panel], int8 only
  int32_t* sum_ = nullptr;  // [panels, panel], int8 only: of the weights
  std::shared_ptr<Arena> arena_;
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
