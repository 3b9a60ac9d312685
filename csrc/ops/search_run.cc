#include "ops/search_run.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/threads.h"
#include "ops/projection.h"

namespace pyattn {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// No sum of a product of bounds is larger.
constexpr double kMostSteps = 1 << 30;

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

int32_t SearchRun::bar(int64_t row) const {
  const RowState& state = states_[row];
  if (state.whole.load(std::memory_order_relaxed)) {
    return std::numeric_limits<int32_t>::max();
  }
  const uint64_t best = state.best.load(std::memory_order_relaxed);
  if (best == 0) {
    return kNoBar;
  }
  // A sum of as many steps may be an equal logit, so it exceeds the bar.
  const double steps = (double{logit_of(best)} - state.slack) * state.steps;
  return static_cast<int32_t>(
      std::clamp(std::floor(steps) - 1, -kMostSteps, kMostSteps));
}

SearchRun::Scratch SearchRun::scratch() const {
  const int64_t most =
      std::min(rows_, kChunkRows) * std::min(kChunkPanels, output_.panels());
  Scratch made = {.hit_rows = Buffer<int32_t>(most),
                  .hit_panels = Buffer<int32_t>(most),
                  .sums = Buffer<int32_t>(most * table_.panel),
                  .above = Buffer<uint32_t>(most),
                  .hits = {},
                  .bars = {},
                  .first = {},
                  .places = {},
                  .logits = {}};
  made.hits = {.count = 0,
               .rows = made.hit_rows.data(),
               .panels = made.hit_panels.data(),
               .above = made.above.data(),
               .sums = made.sums.data()};
  return made;
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
  const int64_t dim = search_.axes_.out();
  Buffer<float> coordinates(rows_ * dim);
  linear(search_.axes_, input_, rows_, {coordinates.data(), dim}, {});
  const WordRows words = bound_input_.allocate_bounds(search_.bounds_, rows_);
  parallel_for(rows_, grain(4 * dim), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const WordRows own = rows_from(words, row);
      *own.zero = table_.least + 128;
      float kept_norm = 0, norm = 0;
      table_.bound_row({.z = coordinates.data() + row * dim,
                        .kept = search_.kept_,
                        .dim = dim,
                        .factors = search_.factors_.data(),
                        .most_norm = search_.most_norm_,
                        .words = static_cast<int8_t*>(own.data),
                        .scale = own.scale,
                        .kept_norm = &kept_norm,
                        .norm = &norm});
      RowState& state = states_[row];
      state.whole = std::isnan(*own.scale);
      state.steps = 1 / (double{*own.scale} * search_.bounds_scale_);
      state.slack = double{search_.slack_per_norm_} * norm +
                    double{search_.slack_per_kept_} * kept_norm;
    }
  });
}

bool SearchRun::is_apart(int64_t row, int32_t column) const {
  const std::span<const int32_t> apart = questions_[row].apart;
  return std::find(apart.begin(), apart.end(), column) != apart.end();
}

// The logits of what is listed apart, where they are wanted.
void SearchRun::compute_apart() {
  std::vector<Place> places;
  for (int64_t row = 0; row < rows_; ++row) {
    if (questions_[row].apart_logits) {
      for (const int32_t id : questions_[row].apart) {
        places.push_back({static_cast<int32_t>(row), id});
      }
    }
  }
  std::vector<float> logits(places.size());
  logits_.compute(places, logits.data());
  for (size_t i = 0; i < places.size(); ++i) {
    const int64_t begin = answers_.apart_starts[places[i].row];
    for (int64_t at = begin; answers_.apart_ids[at] <= places[i].column; ++at) {
      if (answers_.apart_ids[at] == places[i].column) {
        answers_.apart_logits[at] = logits[i];
        break;
      }
    }
  }
}

int64_t SearchRun::most_candidates() const {
  return output_.out() / search_.whole_share();
}

// What still reaches the bar now that most of a row's logits are known: the one
// with the highest bound first, since it may raise the bar once more.
void SearchRun::compute_candidates() {
  std::vector<Candidate> left;
  for (const std::vector<Candidate>& group : candidates_) {
    left.insert(left.end(), group.begin(), group.end());
  }
  keep_candidates(left);
  std::vector<Candidate> highest(states_.size(), {{0, -1}, kNoBar});
  for (const Candidate& one : left) {
    if (one.bound > highest[one.place.row].bound) {
      highest[one.place.row] = one;
    }
  }
  std::erase_if(highest,
                [](const Candidate& one) { return one.place.column < 0; });
  compute(highest);
  keep_candidates(left);
  compute(left);
}

// Drops what does not reach the bar any more, and rows that have too many.
void SearchRun::keep_candidates(std::vector<Candidate>& candidates) {
  std::vector<int32_t> bars;
  std::vector<int64_t> counts(states_.size(), 0);
  for (int64_t row = 0; row < rows_; ++row) {
    bars.push_back(bar(row));
  }
  std::erase_if(candidates, [&](const Candidate& one) {
    const auto [row, column] = one.place;
    if (one.bound <= bars[row] || column >= output_.out() ||
        is_apart(row, column)) {
      return true;
    }
    ++counts[row];
    return false;
  });
  drop_rows(counts, most_candidates(), candidates);
}

void SearchRun::drop_rows(const std::vector<int64_t>& counts, int64_t most,
                          std::vector<Candidate>& candidates) {
  if (std::none_of(counts.begin(), counts.end(),
                   [&](int64_t count) { return count > most; })) {
    return;
  }
  for (int64_t row = 0; row < rows_; ++row) {
    if (counts[row] > most) {
      states_[row].whole = true;
    }
  }
  std::erase_if(candidates, [&](const Candidate& one) {
    return counts[one.place.row] > most;
  });
}

void SearchRun::compute(const std::vector<Candidate>& candidates) {
  const int64_t count = static_cast<int64_t>(candidates.size());
  parallel_for(count, 256, [&](int64_t begin, int64_t end) {
    Scratch own;
    for (int64_t i = begin; i < end; ++i) {
      own.places.push_back(candidates[i].place);
    }
    compute(own);
  });
}

// The exact logits of the scratch's places.
void SearchRun::compute(Scratch& scratch) {
  scratch.logits.resize(scratch.places.size());
  logits_.compute(scratch.places, scratch.logits.data());
  for (size_t i = 0; i < scratch.places.size(); ++i) {
    raise(scratch.places[i], scratch.logits[i]);
  }
  computed_ += static_cast<int64_t>(scratch.places.size());
}

void SearchRun::raise(Place place, float logit) {
  if (!(logit > kNever)) {
    return;
  }
  std::atomic<uint64_t>& best = states_[place.row].best;
  uint64_t known = best.load(std::memory_order_relaxed);
  const uint64_t own = key_of(logit, place.column);
  while (own > known &&
         !best.compare_exchange_weak(known, own, std::memory_order_relaxed)) {
  }
}

void SearchRun::compute_whole_rows() {
  for (int64_t row = 0; row < rows_; ++row) {
    if (states_[row].whole || states_[row].best == 0) {
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
