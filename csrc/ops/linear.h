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

class PackedLinear;

/// The input of a product in the form that its weights ask for: the rows
/// themselves, or each row in int8 with a scale.
class LinearInput {
 public:
  LinearInput(const PackedLinear& weight, ConstRows x, int64_t rows);

  /// The arguments' input, from `row` on.
  void set(LinearArgs& args, int64_t row) const;

 private:
  const void* data_;
  int64_t stride_;  // words
  Buffer<int8_t> quantized_;
  Buffer<float> scale_;
};

/// Weights of a matrix product, laid out once for the level that will run them
/// and in the number type that they are multiplied in.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// Parts that share their input become one product, one behind the other in
  /// its output: query, key and value, for example. The arena lives as long as
  /// what was packed into it.
  PackedLinear(const Packing& packing, const std::vector<LinearPart>& parts,
               int64_t in, std::shared_ptr<Arena> arena);

  const KernelTable& table() const { return *table_; }
  DType dtype() const { return dtype_; }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  int64_t panels() const;
  int64_t bytes() const { return bytes_; }

  /// The arguments of columns [begin, end) panels, but for rows and epilogue.
  LinearArgs columns(int64_t begin_panel, int64_t end_panel) const;

  /// Multiplies, on this thread.
  void run(const LinearArgs& args) const {
    table_->linear[static_cast<int>(dtype_)](args);
  }

 private:
  int64_t steps() const { return dtype_ == DType::kInt8 ? (in_ + 3) / 4 : in_; }
  int64_t weight_bytes() const { return dtype_ == DType::kBFloat16 ? 2 : 4; }
  template <class T>
  T* take(int64_t count);
  void pack_row(const float* from, int64_t column);
  void pack_int8_row(const float* from, int64_t column);

  const KernelTable* table_ = nullptr;
  DType dtype_ = DType::kFloat32;
  int64_t in_ = 0, out_ = 0, bytes_ = 0;
  char* weight_ = nullptr;     // [panels][steps][panel] weights
  float* bias_ = nullptr;      // [panels, panel]
  float* scale_ = nullptr;     // [panels, panel], int8 only
  int32_t* offset_ = nullptr;  // [panels, panel], int8 only
  std::shared_ptr<Arena> arena_;
};

/// What happens to a sum before it is stored.
struct Epilogue {
  Activation activation = Activation::kNone;
  ConstRows residual = {nullptr, 0};
};

/// y = activation(x W^T + bias) + residual; x [rows, in], y [rows, out], which
/// may be the residual itself.
void linear(const PackedLinear& weight, ConstRows x, int64_t rows, Rows y,
            const Epilogue& epilogue);

}  // namespace pyattn
