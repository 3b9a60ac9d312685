// The part of a search that finds candidates by their bounds.
#include <algorithm>
#include <vector>

#include "base/threads.h"
#include "ops/search_run.h"

namespace pyattn {
namespace {

// Groups of panels per thread: one that is slowed down takes fewer of them.
constexpr int64_t kGroupsPerThread = 4;

// Candidates that a row may have before its best logit is known, in any case:
// in a large vocabulary more would take much memory.
constexpr int64_t kMostWaiting = 8192;

// In a loop that makes vectors.
bool any_above(const int32_t* sums, int64_t count, int32_t bar) {
  int32_t any = 0;
  for (int64_t i = 0; i < count; ++i) {
    any |= sums[i] > bar ? 1 : 0;
  }
  return any != 0;
}

}  // namespace

void SearchRun::compute_bounds() {
  const int64_t groups =
      parallel_width() == 1
          ? 1
          : std::min((output_.panels() + kChunkPanels - 1) / kChunkPanels,
                     kGroupsPerThread * parallel_width());
  candidates_.resize(static_cast<size_t>(groups));
  parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
    Scratch own = scratch();
    for (int64_t group = begin; group < end; ++group) {
      const int64_t panels = output_.panels();
      const int64_t end_panel = panels * (group + 1) / groups;
      const int64_t first_panel = panels * group / groups;
      int64_t panel = first_panel;
      while (panel < end_panel) {
        // Low bars let many candidates pass, so they are raised soon.
        const int64_t most =
            std::clamp(panel - first_panel, kFirstPanels, kChunkPanels);
        const int64_t count = std::min(most, end_panel - panel);
        compute_chunk(panel, count, own, candidates_[group]);
        panel += count;
      }
    }
  });
}

void SearchRun::compute_chunk(int64_t panel, int64_t panels, Scratch& scratch,
                              std::vector<Candidate>& candidates) {
  LinearArgs args = search_.bounds_.columns(panel, panel + panels);
  args.bar = scratch.bars;
  args.hits = &scratch.hits;
  for (int64_t row = 0; row < rows_; row += kChunkRows) {
    bound_input_.set(args, row);
    args.rows = std::min(kChunkRows, rows_ - row);
    for (int64_t r = 0; r < args.rows; ++r) {
      scratch.bars[r] = bar(row + r);
      scratch.first[r] = {{static_cast<int32_t>(row + r), -1}, kNoBar};
    }
    scratch.hits.count = 0;
    table_.bounds(args);
    if (scratch.hits.count == 0) {
      continue;
    }
    // The best of each row's, at once: it raises the bar for all others.
    find_first(panel, scratch);
    scratch.places.clear();
    for (int64_t r = 0; r < args.rows; ++r) {
      if (scratch.first[r].place.column >= 0) {
        scratch.places.push_back(scratch.first[r].place);
      }
    }
    compute(scratch);
    for (int64_t r = 0; r < args.rows; ++r) {
      scratch.bars[r] = bar(row + r);
    }
    find_rest(panel, scratch, candidates);
  }
}

// Of each row's tokens above its bar, the one with the highest bound.
void SearchRun::find_first(int64_t panel, Scratch& scratch) const {
  const BoundHits& hits = scratch.hits;
  const int64_t width = table_.panel;
  for (int64_t i = 0; i < hits.count; ++i) {
    const int32_t r = hits.rows[i];
    const auto column = static_cast<int32_t>((panel + hits.panels[i]) * width);
    const int32_t* const sums = hits.sums + i * width;
    Candidate& first = scratch.first[r];
    if (scratch.bars[r] == kNoBar && !any_above(sums, width, first.bound)) {
      continue;  // without a bar all tokens are above it
    }
    for (uint32_t above = hits.above[i]; above != 0; above &= above - 1) {
      const int c = __builtin_ctz(above);
      if (sums[c] > first.bound && column + c < output_.out() &&
          !is_apart(first.place.row, column + c)) {
        first.place.column = column + c;
        first.bound = sums[c];
      }
    }
  }
}

// The others that reach the bar that there is now; they wait for a higher one.
void SearchRun::find_rest(int64_t panel, Scratch& scratch,
                          std::vector<Candidate>& candidates) {
  const BoundHits& hits = scratch.hits;
  const int64_t width = table_.panel;
  for (int64_t i = 0; i < hits.count; ++i) {
    const int32_t r = hits.rows[i], bar = scratch.bars[r];
    const auto column = static_cast<int32_t>((panel + hits.panels[i]) * width);
    const int32_t* const sums = hits.sums + i * width;
    const Place first = scratch.first[r].place;
    if ((hits.above[i] & (hits.above[i] - 1)) != 0 &&
        !any_above(sums, width, bar)) {
      continue;
    }
    for (uint32_t above = hits.above[i]; above != 0; above &= above - 1) {
      const int c = __builtin_ctz(above);
      if (sums[c] > bar && column + c != first.column) {
        candidates.push_back({{first.row, column + c}, sums[c]});
      }
    }
  }
  if (static_cast<int64_t>(candidates.size()) > rows_ * kMostWaiting / 8) {
    std::vector<int64_t> counts(states_.size(), 0);
    for (const Candidate& one : candidates) {
      ++counts[one.place.row];
    }
    drop_rows(counts, std::min(most_candidates(), kMostWaiting), candidates);
  }
}

}  // namespace pyattn
