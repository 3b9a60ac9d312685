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

/// Weights of a matrix product, laid out once for the level that will run it.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// Parts that share their input become one product, one behind the other in
  /// its output: query, key and value, for example. The arena lives as long as
  /// what was packed into it.
  PackedLinear(const KernelTable& table, const std::vector<LinearPart>& parts,
               int64_t in, std::shared_ptr<Arena> arena);

  const KernelTable& table() const { return *table_; }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  int64_t panels() const;
  int64_t bytes() const;

  /// The arguments of columns [begin, end) panels, but for rows and epilogue.
  LinearArgs columns(int64_t begin_panel, int64_t end_panel) const;

 private:
  const KernelTable* table_ = nullptr;
  int64_t in_ = 0, out_ = 0;
  float* weight_ = nullptr;  // [panels, in, panel]
  float* bias_ = nullptr;    // [panels, panel]
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
