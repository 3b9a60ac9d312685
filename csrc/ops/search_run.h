#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "ops/linear.h"
#include "ops/vocabulary_search.h"

namespace pyattn {

/// The answers of a search to one call's questions.
class SearchRun {
  // Panels whose bounds are computed before the best of them raises the bar,
  // and rows of which they are, a share of L1. The first chunk, before which
  // there is no bar, is smaller.
  static constexpr int64_t kChunkPanels = 32, kFirstPanels = 8;
  static constexpr int64_t kChunkRows = 64;

 public:
  SearchRun(const VocabularySearch& search, ConstRows x,
            const std::vector<Question>& questions)
      : search_(search),
        output_(search.output_),
        table_(search.output_.table()),
        x_(x),
        questions_(questions),
        rows_(static_cast<int64_t>(questions.size())),
        input_(output_, x, rows_),
        first_panel_(output_.columns(0, 1)),
        panel_bytes_(first_panel_.steps * table_.panel *
                     output_.weight_bytes()),
        states_(questions.size()) {}

  Answers run() {
    set_apart();
    bound_rows();
    compute_apart();
    compute_bounds();
    compute_candidates();
    compute_whole_rows();
    return take();
  }

  const VocabularySearch::Counts counts() const {
    return {rows_, static_cast<int64_t>(whole_.size()), panels_computed_};
  }

 private:
  // A panel that a row may need, and the largest of its bounds.
  struct Candidate {
    int32_t panel, row;
    float bound;
  };
  struct RowState {
    std::atomic<uint64_t> best{0};  // of the exact logits: key_of
    BoundedRow row = {0, false};
  };
  // What a thread works with.
  struct Scratch {
    Buffer<float> words, logits;
    float bounds[kChunkRows * kChunkPanels];
    float bars[kChunkRows];
    float scales[kChunkRows];
    int32_t zeros[kChunkRows];
    std::vector<Candidate> first;
  };

  static bool by_panel(const Candidate& a, const Candidate& b);
  // What a bound must exceed for its panel to hold the row's best.
  float bar(int64_t row) const;
  void set_apart();
  void bound_rows();
  void compute_apart();
  void compute_bounds();
  void compute_chunk(int64_t panel, int64_t panels, Scratch& scratch,
                     std::vector<Candidate>& candidates);
  LinearArgs panel_args(int64_t panel) const;
  void take_chunk(int64_t row, int64_t first_panel,
                  std::span<const float> bounds, Scratch& scratch,
                  std::vector<Candidate>& candidates) const;
  void compute_candidates();
  void compute(std::span<const Candidate> candidates, Scratch& scratch);
  void compute_panel(std::span<const Candidate> rows, Scratch& scratch);
  void raise(int64_t row, int32_t first_column, int64_t columns, float* logits);
  bool knows_apart(int64_t row, int32_t panel) const;
  void compute_whole_rows();
  Answers take();

  Scratch scratch() const;

  const VocabularySearch& search_;
  const PackedLinear& output_;
  const KernelTable& table_;
  const ConstRows x_;
  const std::vector<Question>& questions_;
  const int64_t rows_;
  const LinearInput input_;
  const LinearArgs first_panel_;
  const int64_t panel_bytes_;
  LinearInput bound_input_;
  std::vector<RowState> states_;
  std::vector<std::vector<Candidate>> candidates_;  // of each group of chunks
  std::vector<int64_t> whole_;                      // rows
  std::atomic<int64_t> panels_computed_{0};
  Answers answers_;
};

}  // namespace pyattn
