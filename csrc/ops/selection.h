#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "kernels/table.h"
#include "ops/packed_linear.h"
#include "ops/stored.h"

namespace pyattn {

/// A few columns of an output projection (a "shortlist"), copied out of its
/// panels once, for all steps of a batch of sentences.
///
/// Columns lie scattered over panels, where each takes a whole cache line per
/// step: making a selection reads up to 16 times what it copies, unless rows
/// are at hand, and a product that picked its columns from there would do so at
/// every step. Of 32,000 int8
/// columns of 512, with one thread, 1,000 take 0.12 ms to copy and then, for
/// one row, 6 us a step in place of 250; 8,000 take 0.9 ms and 51 us. A product
/// that left out only panels without any of them would leave out little: 1,000
/// of 32,000 lie in two thirds of the panels.
class Selection {
 public:
  /// `ids` ascend, and there is at least one. `output` must outlive this, and
  /// so must `stored`: what it was packed from, if that is still in memory.
  Selection(const PackedLinear& output, std::vector<int32_t> ids,
            const StoredMatrix& stored = {});

  const PackedLinear& output() const { return output_; }
  const std::vector<int32_t>& ids() const { return ids_; }
  int64_t panels() const;
  int64_t bytes() const;

  /// The column of an id of the whole vocabulary; -1 if it is not selected.
  int32_t column_of(int32_t id) const;

  /// The same as PackedLinear::columns, of the selected columns; those of int4
  /// are expanded to int8.
  LinearArgs columns(int64_t begin_panel, int64_t end_panel) const;

  /// Multiplies, on this thread.
  void run(const LinearArgs& args) const;

 private:
  int64_t panel_bytes() const;
  bool has_rows() const;
  void copy_panel(int64_t panel, char* rows);
  void copy_rows(int64_t first, int64_t end, char* rows) const;
  void copy_columns(int64_t first, int64_t end, char* weight) const;

  const PackedLinear& output_;
  const StoredMatrix stored_;
  const std::vector<int32_t> ids_;
  const int64_t steps_;
  Buffer<char> weight_;         // [panels][steps][panel] weights
  Buffer<float> bias_;          // [panels, panel]
  Buffer<float> scale_;         // [panels, panel], int8 and int4 only
  Buffer<int32_t> column_sum_;  // [panels, panel], int8 and int4 only
};

}  // namespace pyattn
