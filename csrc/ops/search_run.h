#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "ops/linear.h"
#include "ops/single_logits.h"
#include "ops/vocabulary_search.h"

namespace pyattn {

/// The answers of a search to one call's questions.
class SearchRun {
  // Panels whose bounds are computed before the best of them raises the bar,
  // and rows of which they are, a share of L1. The first chunk, before which
  // there is no bar, and the next ones are smaller.
  static constexpr int64_t kChunkPanels = 32, kFirstPanels = 8;
  static constexpr int64_t kChunkRows = 32;

  // Before the first logit of a row is known, all bounds exceed its bar.
  static constexpr int32_t kNoBar = std::numeric_limits<int32_t>::min();

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
        logits_(output_, search.rows_, input_, rows_),
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

  VocabularySearch::Counts counts() const {
    return {rows_, static_cast<int64_t>(whole_.size()), computed_};
  }

 private:
  using Place = SingleLogits::Place;
  // A token that may be a row's best, and its bound in the row's steps.
  struct Candidate {
    Place place;
    int32_t bound;
  };
  struct RowState {
    std::atomic<uint64_t> best{0};  // of the exact logits: key_of
    double steps = 0;               // of bounds, for each unit of a logit
    double slack = 0;               // by how much rounding can lift a logit
    std::atomic<bool> whole{false};
  };
  // What a thread works with.
  struct Scratch {
    Buffer<int32_t> hit_rows, hit_panels, sums;
    Buffer<uint32_t> above;
    BoundHits hits;
    int32_t bars[kChunkRows];
    Candidate first[kChunkRows];  // with the highest bounds of the chunk
    std::vector<Place> places;
    std::vector<float> logits;
  };

  // What a bound must exceed for its token to be a row's best.
  int32_t bar(int64_t row) const;
  void set_apart();
  void bound_rows();
  void compute_apart();
  void compute_bounds();
  void compute_chunk(int64_t panel, int64_t panels, Scratch& scratch,
                     std::vector<Candidate>& candidates);
  void find_first(int64_t panel, Scratch& scratch) const;
  void find_rest(int64_t panel, Scratch& scratch,
                 std::vector<Candidate>& candidates);
  bool is_apart(int64_t row, int32_t column) const;
  int64_t most_candidates() const;
  void compute_candidates();
  void keep_candidates(std::vector<Candidate>& candidates);
  void drop_rows(const std::vector<int64_t>& counts, int64_t most,
                 std::vector<Candidate>& candidates);
  void compute(const std::vector<Candidate>& candidates);
  void compute(Scratch& scratch);
  void raise(Place place, float logit);
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
  const SingleLogits logits_;
  LinearInput bound_input_;
  std::vector<RowState> states_;
  std::vector<std::vector<Candidate>> candidates_;  // of each group of chunks
  std::vector<int64_t> whole_;                      // rows
  std::atomic<int64_t> computed_{0};                // logits
  Answers answers_;
};

}  // namespace pyattn
