#include "ops/search_run.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/threads.h"
#include "ops/projection.h"

namespace pyattn {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Groups of panels per thread: one that is slowed down takes fewer of them.
constexpr int64_t kGroupsPerThread = 4;

// A row with more candidates than this share of the panels is computed whole.
constexpr int64_t kWholeShare = 2;

// The order of (logit, lower column first) as the order of integers. 0 is less
// than all of them.
uint64_t key_of(float logit, int32_t column) {
  const uint32_t bits = std::bit_cast<uint32_t>(logit + 0.0F);  // no -0
  const uint32_t order = bits >> 31 != 0 ? ~bits : bits | 0x80000000U;
  return uint64_t{order} << 32 | ~static_cast<uint32_t>(column);
}

float logit_of(uint64_t key) {
  if (key == 0) {
    return kNever;
  }
  const uint32_t order = static_cast<uint32_t>(key >> 32);
  return std::bit_cast<float>(order >> 31 != 0 ? order & 0x7FFFFFFFU : ~order);
}

int32_t column_of(uint64_t key) {
  return static_cast<int32_t>(~static_cast<uint32_t>(key));
}

}  // namespace

bool SearchRun::by_panel(const Candidate& a, const Candidate& b) {
  return a.panel != b.panel ? a.panel < b.panel : a.row < b.row;
}

float SearchRun::bar(int64_t row) const {
  const RowState& state = states_[row];
  if (state.row.whole) {
    return -kNever;
  }
  const float best = logit_of(state.best.load(std::memory_order_relaxed));
  return best == kNever ? kNever : below(best - state.row.slack);
}

SearchRun::Scratch SearchRun::scratch() const {
  const int64_t rows = std::min(rows_, kChunkRows);
  const int64_t stride = row_stride(output_.steps());
  return {.words = Buffer<float>((rows + output_.kernel().rows - 1) * stride),
          .logits = Buffer<float>(rows * table_.panel),
          .bounds = {},
          .bars = {},
          .scales = {},
          .zeros = {},
          .first = {}};
}

void SearchRun::set_apart() {
  answers_.apart_starts.push_back(0);
  for (const Question& question : questions_) {
    answers_.apart_ids.insert(answers_.apart_ids.end(), question.apart.begin(),
                              question.apart.end());
    answers_.apart_starts.push_back(
        static_cast<int64_t>(answers_.apart_ids.size()));
  }
  answers_.apart_logits.assign(answers_.apart_ids.size(), kNever);
}

// The rows as the product of bounds reads them.
void SearchRun::bound_rows() {
  const int64_t dim = output_.in();
  const int64_t width = search_.kept_ + kNorms;
  Buffer<float> coordinates(rows_ * dim), kept(rows_ * width);
  linear(search_.axes_, input_, rows_, {coordinates.data(), dim}, {});
  const WordRows words =
      bound_input_.allocate(search_.bounds_, {kept.data(), width}, rows_);
  parallel_for(rows_, grain(4 * dim), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      states_[row].row =
          search_.bound(coordinates.data() + row * dim,
                        kept.data() + row * width, rows_from(words, row));
    }
  });
}

// Whether a panel was computed for the logits of what is apart.
bool SearchRun::knows_apart(int64_t row, int32_t panel) const {
  const Question& question = questions_[row];
  return question.apart_logits &&
         std::any_of(question.apart.begin(), question.apart.end(),
                     [&](int32_t id) { return id / table_.panel == panel; });
}

// The panels of what is listed apart, whose logits the answer has.
void SearchRun::compute_apart() {
  std::vector<Candidate> candidates;
  for (int64_t row = 0; row < rows_; ++row) {
    if (!questions_[row].apart_logits) {
      continue;
    }
    for (const int32_t id : questions_[row].apart) {
      const int32_t panel = id / table_.panel;
      if (candidates.empty() || candidates.back().panel != panel ||
          candidates.back().row != row) {
        candidates.push_back({panel, static_cast<int32_t>(row), 0});
      }
    }
  }
  if (!candidates.empty()) {
    std::sort(candidates.begin(), candidates.end(), by_panel);
    Scratch own = scratch();
    compute(candidates, own);
  }
}

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
      int64_t panel = panels * group / groups;
      for (int64_t most = kFirstPanels; panel < end_panel;
           most = kChunkPanels) {
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
  args.y = scratch.bounds;
  args.y_stride = kChunkPanels;
  args.bar = scratch.bars;
  for (int64_t row = 0; row < rows_; row += kChunkRows) {
    bound_input_.set(args, row);
    args.rows = std::min(kChunkRows, rows_ - row);
    for (int64_t r = 0; r < args.rows; ++r) {
      scratch.bars[r] = bar(row + r);
    }
    table_.bounds(args);
    scratch.first.clear();
    for (int64_t r = 0; r < args.rows; ++r) {
      take_chunk(
          row + r, panel,
          {scratch.bounds + r * kChunkPanels, static_cast<size_t>(panels)},
          scratch, candidates);
    }
    // The best of each row's, at once: it raises the bar for the next chunks.
    std::sort(scratch.first.begin(), scratch.first.end(), by_panel);
    compute(scratch.first, scratch);
  }
}

// Of a row's panels above the bar, the one with the highest bound is computed
// first; the others wait.
void SearchRun::take_chunk(int64_t row, int64_t first_panel,
                           std::span<const float> bounds, Scratch& scratch,
                           std::vector<Candidate>& candidates) const {
  Candidate best = {-1, static_cast<int32_t>(row), kNever};
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (bounds[i] == kNever) {
      continue;
    }
    const Candidate one = {static_cast<int32_t>(first_panel + i), best.row,
                           bounds[i]};
    if (knows_apart(row, one.panel)) {
      continue;  // computed already
    }
    if (one.bound <= best.bound) {
      candidates.push_back(one);
      continue;
    }
    if (best.panel >= 0) {
      candidates.push_back(best);
    }
    best = one;
  }
  if (best.panel >= 0) {
    scratch.first.push_back(best);
  }
}

// What still reaches the bar now that most of a row's logits are known.
void SearchRun::compute_candidates() {
  std::vector<int64_t> counts(states_.size(), 0);
  std::vector<float> bars;
  for (int64_t row = 0; row < rows_; ++row) {
    bars.push_back(bar(row));
  }
  std::vector<Candidate> left;
  for (const std::vector<Candidate>& group : candidates_) {
    for (const Candidate& one : group) {
      if (one.bound > bars[one.row]) {
        ++counts[one.row];
        left.push_back(one);
      }
    }
  }
  for (int64_t row = 0; row < rows_; ++row) {
    states_[row].row.whole |= counts[row] > output_.panels() / kWholeShare;
  }
  std::erase_if(
      left, [&](const Candidate& one) { return states_[one.row].row.whole; });
  std::sort(left.begin(), left.end(), by_panel);
  const int64_t count = static_cast<int64_t>(left.size());
  parallel_for(count, 16, [&](int64_t begin, int64_t end) {
    Scratch own = scratch();
    compute(std::span(left).subspan(begin, end - begin), own);
  });
}

// Candidates in the order of their panels.
void SearchRun::compute(std::span<const Candidate> candidates,
                        Scratch& scratch) {
  const auto most = std::min(rows_, kChunkRows);
  for (size_t begin = 0; begin < candidates.size();) {
    size_t end = begin + 1;
    while (end < candidates.size() &&
           candidates[end].panel == candidates[begin].panel &&
           static_cast<int64_t>(end - begin) < most) {
      ++end;
    }
    compute_panel(candidates.subspan(begin, end - begin), scratch);
    begin = end;
  }
  panels_computed_ += static_cast<int64_t>(candidates.size());
}

LinearArgs SearchRun::panel_args(int64_t panel) const {
  LinearArgs args = first_panel_;
  const int64_t columns = panel * table_.panel;
  args.weight = static_cast<const char*>(args.weight) + panel * panel_bytes_;
  args.bias += columns;
  args.out = std::min<int64_t>(table_.panel, output_.out() - columns);
  if (args.scale != nullptr) {
    args.scale += columns;
    args.column_sum += columns;
  }
  return args;
}

// The logits of a panel for some rows, as the whole product computes them.
void SearchRun::compute_panel(std::span<const Candidate> rows,
                              Scratch& scratch) {
  const int32_t panel = rows.front().panel;
  LinearArgs args = panel_args(panel);
  const int64_t stride = row_stride(args.steps);
  for (size_t r = 0; r < rows.size(); ++r) {
    input_.set(args, rows[r].row);
    std::memcpy(scratch.words.data() + static_cast<int64_t>(r) * stride, args.x,
                static_cast<size_t>(args.steps) * 4);
    if (args.x_scale != nullptr) {
      scratch.scales[r] = *args.x_scale;
      scratch.zeros[r] = *args.x_zero;
    }
  }
  args.x = scratch.words.data();
  args.x_stride = stride;
  args.x_scale = scratch.scales;
  args.x_zero = scratch.zeros;
  args.rows = static_cast<int64_t>(rows.size());
  args.y = scratch.logits.data();
  args.y_stride = table_.panel;
  output_.run(args);
  for (size_t r = 0; r < rows.size(); ++r) {
    raise(rows[r].row, panel * table_.panel, args.out,
          args.y + static_cast<int64_t>(r) * table_.panel);
  }
}

// Takes the exact logits of some columns of a row.
void SearchRun::raise(int64_t row, int32_t first_column, int64_t columns,
                      float* logits) {
  const int64_t begin = answers_.apart_starts[row];
  for (int64_t at = begin; at < answers_.apart_starts[row + 1]; ++at) {
    const int64_t column = answers_.apart_ids[at] - first_column;
    if (column >= 0 && column < columns) {
      answers_.apart_logits[at] = std::exchange(logits[column], kNever);
    }
  }
  std::atomic<uint64_t>& best = states_[row].best;
  uint64_t known = best.load(std::memory_order_relaxed);
  // Nothing but what reaches the best so far: that has a lower id, perhaps.
  const float least = logit_of(known);
  float score = least == kNever ? kNever : below(least);
  int32_t column = -1;
  int32_t found = least == kNever ? 0 : 1;
  table_.top_k({.x = logits,
                .count = columns,
                .first_id = first_column,
                .k = 1,
                .found = &found,
                .scores = &score,
                .ids = &column});
  if (column < 0) {
    return;
  }
  const uint64_t own = key_of(score, column);
  while (own > known &&
         !best.compare_exchange_weak(known, own, std::memory_order_relaxed)) {
  }
}

void SearchRun::compute_whole_rows() {
  for (int64_t row = 0; row < rows_; ++row) {
    if (states_[row].row.whole || states_[row].best == 0) {
      whole_.push_back(row);
    }
  }
  if (whole_.empty()) {
    return;
  }
  const int64_t dim = output_.in();
  Buffer<float> x(static_cast<int64_t>(whole_.size()) * dim);
  std::vector<Question> questions;
  for (const int64_t row : whole_) {
    std::copy_n(x_.from(row).data, dim,
                x.data() + static_cast<int64_t>(questions.size()) * dim);
    questions.push_back(questions_[row]);
  }
  Projection projection({output_, nullptr}, {x.data(), dim}, questions);
  projection.run();
  const Answers answers = projection.take();
  for (size_t i = 0; i < whole_.size(); ++i) {
    states_[whole_[i]].best =
        answers.found[i] == 0 ? 0 : key_of(answers.logits[i], answers.ids[i]);
    const std::span<const float> apart = answers.apart(static_cast<int64_t>(i));
    std::copy(apart.begin(), apart.end(),
              answers_.apart_logits.begin() + answers_.apart_starts[whole_[i]]);
  }
}

Answers SearchRun::take() {
  answers_.k = 1;
  for (const RowState& state : states_) {
    const uint64_t best = state.best;
    answers_.found.push_back(best == 0 ? 0 : 1);
    answers_.ids.push_back(best == 0 ? -1 : column_of(best));
    answers_.logits.push_back(logit_of(best));
    answers_.rest.push_back(LogSum::none());
    answers_.tempered.push_back(LogSum());
  }
  return std::move(answers_);
}

}  // namespace pyattn
