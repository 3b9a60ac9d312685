#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "ops/linear.h"

namespace pyattn {

/// The weights of an int8 product, an output after the other; of another
/// product, none.
class OutputRows {
 public:
  explicit OutputRows(const PackedLinear& output);

  bool empty() const { return rows_.size() == 0; }
  const char* data() const { return rows_.data(); }
  int64_t row_bytes() const { return bytes_; }
  int64_t bytes() const { return rows_.size(); }

 private:
  int64_t bytes_ = 0;
  Buffer<char> rows_;
};

/// Single logits of rows, with the bits that the whole product gives them.
///
/// In int8 a sum is the same in any order, so a logit is one row of weights
/// times the input: a tenth of what the product of its panel costs. Sums of
/// floats are the panel's.
class SingleLogits {
 public:
  struct Place {
    int32_t row, column;
  };

  /// All of these must outlive it; `input` has `count` rows.
  SingleLogits(const PackedLinear& output, const OutputRows& weights,
               const LinearInput& input, int64_t count);

  /// Computes logits[i] of places[i], which it may sort. On this thread.
  void compute(std::span<Place> places, float* logits) const;

 private:
  void fetch(std::span<const Place> places, size_t begin) const;
  void compute_panel(std::span<const Place> places, float* logits) const;

  const PackedLinear& output_;
  const OutputRows& weights_;
  const LinearInput& input_;
  // Of int8 only.
  Buffer<char> x_;         // [count, row_bytes]
  Buffer<int32_t> zeros_;  // [count]: what stands for 0
};

}  // namespace pyattn
