#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/buffer.h"
#include "kernels/table.h"
#include "ops/stored.h"

namespace pyattn {

/// One matrix as PyTorch keeps it, with its bias.
struct LinearPart {
  StoredMatrix weight;  // [out, in]
  const float* bias;    // [out] or null
  int64_t out;
};

/// Runs a job and waits for its end, on threads that share its loops or here.
using JobRunner = std::function<void(const std::function<void()>& job)>;

inline void run_here(const std::function<void()>& job) { job(); }

/// How weights are to be kept: for which level, in which number type; and where
/// the work of packing them is done.
struct Packing {
  const KernelTable& table;
  DType dtype;
  JobRunner run = run_here;
};

/// Parts that share their input, as one product.
enum class Joined {
  kInSequence,  // one behind the other in its output: query, key and value
  kGated        // two equal ones: activation(first) * second
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

  /// A column as it is multiplied, [in], and its bias; not of a gated product.
  float read_column(int64_t column, float* to) const;

  /// The words of a column next to each other, [steps]; not of int4.
  void read_words(int64_t column, char* to) const;

  /// How its level multiplies.
  const ProductKernel& kernel() const {
    return table_->products[static_cast<int>(dtype_)];
  }

  /// Words of an input row that are multiplied.
  int64_t steps() const;

  /// Bytes of a column in a step; of int4, once it is expanded.
  int64_t weight_bytes() const;

  /// Multiplies, on this thread.
  void run(const LinearArgs& args) const;

  /// Writes the int8 words of a column of int4, [steps].
  void expand(int64_t column, char* to) const;

 private:
  // An output, by its part and its place in it; null lies past the last.
  struct Output {
    const LinearPart* part;
    int64_t row;
  };

  template <class T>
  T* take(int64_t count);
  Output output_of(const std::vector<LinearPart>& parts, int64_t column) const;
  void pack(const std::vector<LinearPart>& parts, const JobRunner& run);
  void pack_panels(const std::vector<LinearPart>& parts, int64_t begin,
                   int64_t end);
  int64_t panel_bytes() const;
  int64_t row_bytes() const;
  int64_t row_stride() const;
  void turn_panel(const char* rows, char* to) const;
  void run_expanded(const LinearArgs& args, int64_t row, int64_t rows,
                    char* words) const;

  const KernelTable* table_ = nullptr;
  DType dtype_ = DType::kFloat32;
  bool gated_ = false;
  int64_t in_ = 0, out_ = 0, bytes_ = 0;
  char* weight_ = nullptr;  // see LinearArgs
  float* bias_ = nullptr;   // [panels, panel]
  float* scale_ = nullptr;  // [panels, panel], types of integers only
  int32_t* sum_ = nullptr;  // [panels, panel], likewise: of the weights
  std::shared_ptr<Arena> arena_;
};

}  // namespace pyattn
