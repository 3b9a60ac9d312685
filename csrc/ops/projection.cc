#include "ops/projection.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <utility>

#include "base/threads.h"

namespace pyattn {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Columns and rows of logits that exist at a time, for each thread: 128 KiB,
// which stays in L2 next to the weights that stream through it. The sums of
// exponentials are per chunk, so its width must not depend on the threads.
// Chunks of 256, whose logits for 32 rows fit L1, of 1024 and of 2048 columns
// measured the same: the exponentials are arithmetic, not reading.
constexpr int64_t kChunkColumns = 512;
constexpr int64_t kChunkRows = 64;

// Groups of chunks per thread: one that is slowed down takes fewer of them.
constexpr int64_t kGroupsPerThread = 4;

void temper(float* logits, int64_t count, float inverse_temperature) {
  for (int64_t i = 0; i < count; ++i) {
    logits[i] *= inverse_temperature;
  }
}

int64_t columns_of(const Vocabulary& vocabulary) {
  return vocabulary.selection
             ? static_cast<int64_t>(vocabulary.selection->ids().size())
             : vocabulary.output.out();
}

// The most that is asked of any row, and that there is.
int64_t most_asked(const Vocabulary& vocabulary,
                   const std::vector<Question>& questions) {
  int64_t k = 1;
  for (const Question& question : questions) {
    k = std::max(k, question.k);
  }
  return std::min(k, columns_of(vocabulary));
}

}  // namespace

float below(float score) {
  const float finite = std::min(score, FLT_MAX);
  return finite - std::max(std::fabs(finite) * FLT_EPSILON, FLT_MIN);
}

Projection::Projection(const Vocabulary& vocabulary, ConstRows x,
                       const std::vector<Question>& questions)
    : vocabulary_(vocabulary),
      x_(x),
      rows_(static_cast<int64_t>(questions.size())),
      k_(most_asked(vocabulary, questions)),
      input_(vocabulary.output, x, rows_),
      panels_(vocabulary.selection ? vocabulary.selection->panels()
                                   : vocabulary.output.panels()),
      chunk_panels_(kChunkColumns / vocabulary.output.table().panel),
      chunk_columns_(chunk_panels_ * vocabulary.output.table().panel),
      chunks_((panels_ + chunk_panels_ - 1) / chunk_panels_),
      groups_(parallel_width() == 1
                  ? 1
                  : std::min(chunks_, kGroupsPerThread * parallel_width())),
      sums_{Buffer<float>(rows_ * chunks_), Buffer<float>(rows_ * chunks_)},
      found_(groups_ * rows_),
      columns_(groups_ * rows_ * k_),
      scores_(groups_ * rows_ * k_),
      bars_(rows_) {
  set_apart(questions);
  std::fill_n(found_.data(), found_.size(), 0);
  std::fill(bars_.begin(), bars_.end(), kNever);
  for (const Question& question : questions) {
    tempers_.push_back(question.inverse_temperature);
    summed_.push_back(question.sum ? 1 : 0);
  }
  if (std::any_of(tempers_.begin(), tempers_.end(),
                  [](float temper) { return temper > 0; })) {
    tempered_ = {Buffer<float>(rows_ * chunks_),
                 Buffer<float>(rows_ * chunks_)};
  }
}

void Projection::set_apart(const std::vector<Question>& questions) {
  apart_starts_.push_back(0);
  answers_.apart_starts.push_back(0);
  for (const Question& question : questions) {
    int64_t at = answers_.apart_starts.back();
    for (const int32_t id : question.apart) {
      const int32_t column =
          vocabulary_.selection ? vocabulary_.selection->column_of(id) : id;
      if (column >= 0) {
        apart_.push_back({column, at});
      }
      ++at;
    }
    answers_.apart_starts.push_back(at);
    answers_.apart_ids.insert(answers_.apart_ids.end(), question.apart.begin(),
                              question.apart.end());
    apart_starts_.push_back(static_cast<int64_t>(apart_.size()));
  }
  answers_.apart_logits.assign(answers_.apart_starts.back(), kNever);
}

// What a row has apart among the columns of a chunk.
std::span<const Projection::Apart> Projection::apart_of(int64_t row,
                                                        int32_t first,
                                                        int64_t count) const {
  const auto is_before = [](const Apart& one, int64_t column) {
    return one.column < column;
  };
  const auto end = apart_.begin() + apart_starts_[row + 1];
  const auto from = std::lower_bound(apart_.begin() + apart_starts_[row], end,
                                     first, is_before);
  return {from, std::lower_bound(from, end, first + count, is_before)};
}

LinearArgs Projection::chunk_args(int64_t chunk) const {
  const int64_t begin = chunk * chunk_panels_;
  const int64_t end = std::min(begin + chunk_panels_, panels_);
  return vocabulary_.selection ? vocabulary_.selection->columns(begin, end)
                               : vocabulary_.output.columns(begin, end);
}

void Projection::multiply(const LinearArgs& args) const {
  if (vocabulary_.selection) {
    vocabulary_.selection->run(args);
  } else {
    vocabulary_.output.run(args);
  }
  if (vocabulary_.soft_cap > 0) {
    for (int64_t row = 0; row < args.rows; ++row) {
      vocabulary_.output.table().soft_cap({.x = args.y + row * args.y_stride,
                                           .count = args.out,
                                           .cap = vocabulary_.soft_cap});
    }
  }
}

void Projection::run() {
  parallel_for(groups_, 1, [&](int64_t begin, int64_t end) {
    Buffer<float> logits(std::min(rows_, kChunkRows) * chunk_columns_);
    for (int64_t group = begin; group < end; ++group) {
      const int64_t end_chunk = chunks_ * (group + 1) / groups_;
      for (int64_t c = chunks_ * group / groups_; c < end_chunk; ++c) {
        run_chunk(group, c, logits.data());
      }
    }
  });
}

void Projection::run_chunk(int64_t group, int64_t chunk, float* logits) {
  LinearArgs args = chunk_args(chunk);
  args.y = logits;
  args.y_stride = chunk_columns_;
  for (int64_t row = 0; row < rows_; row += kChunkRows) {
    input_.set(args, row);
    args.rows = std::min(kChunkRows, rows_ - row);
    multiply(args);
    for (int64_t r = 0; r < args.rows; ++r) {
      choose(group, chunk, row + r, logits + r * chunk_columns_, args.out);
    }
  }
}

void Projection::sum(Sums& sums, int64_t row, int64_t chunk,
                     const float* logits, int64_t count) const {
  const int64_t at = row * chunks_ + chunk;
  vocabulary_.output.table().log_sum_exp({.x = logits,
                                          .weights = nullptr,
                                          .count = count,
                                          .max = &sums.maxima[at],
                                          .sum = &sums.sums[at]});
}

// Chunks are added in their order: the same sum for any number of threads.
LogSum Projection::total(const Sums& sums, int64_t row) const {
  float most, sum;
  vocabulary_.output.table().log_sum_exp({.x = &sums.maxima[row * chunks_],
                                          .weights = &sums.sums[row * chunks_],
                                          .count = chunks_,
                                          .max = &most,
                                          .sum = &sum});
  return {most, std::log(sum)};
}

void Projection::choose(int64_t group, int64_t chunk, int64_t row,
                        float* logits, int64_t count) {
  const int32_t first = static_cast<int32_t>(chunk * chunk_columns_);
  for (const Apart& apart : apart_of(row, first, count)) {
    answers_.apart_logits[apart.at] =
        std::exchange(logits[apart.column - first], kNever);
  }
  float most = -kNever;  // unknown without a sum
  if (summed_[row] != 0) {
    sum(sums_, row, chunk, logits, count);
    most = sums_.maxima[row * chunks_ + chunk];
  }
  const int64_t list = group * rows_ + row;
  float* const scores = &scores_[list * k_];
  // What other groups have found is a bar for this one. Equal scores pass it:
  // which of them is chosen must not depend on who was first.
  const float bar = below(bars_[row].load(std::memory_order_relaxed));
  if (found_[list] == 0 && bar > kNever) {
    found_[list] = static_cast<int32_t>(k_);
    std::fill_n(scores, k_, bar);
    std::fill_n(&columns_[list * k_], k_, -1);
  }
  // Most chunks have no element that is good enough.
  const float last = found_[list] < k_ ? kNever : scores[k_ - 1];
  if (most > std::max(bar, last)) {
    vocabulary_.output.table().top_k({.x = logits,
                                      .count = count,
                                      .first_id = first,
                                      .k = static_cast<int32_t>(k_),
                                      .found = &found_[list],
                                      .scores = scores,
                                      .ids = &columns_[list * k_]});
    // Of two threads that store at once one may lose: its bar was as valid.
    if (found_[list] == k_ && scores[k_ - 1] > bars_[row]) {
      bars_[row].store(scores[k_ - 1], std::memory_order_relaxed);
    }
  }
  if (tempers_[row] > 0) {
    temper(logits, count, tempers_[row]);
    sum(tempered_, row, chunk, logits, count);
  }
}

// The group whose best that is not `taken` yet is the best of all; the first
// of them among equals, whose ids are lower. -1 if all are taken.
int64_t Projection::best_group(int64_t row,
                               const std::vector<int32_t>& taken) const {
  int64_t best = -1;
  float most = kNever;
  for (int64_t group = 0; group < groups_; ++group) {
    const int64_t list = group * rows_ + row;
    const int32_t next = taken[group];
    const int64_t at = list * k_ + next;
    if (next < found_[list] && columns_[at] >= 0 && scores_[at] > most) {
      best = group;
      most = scores_[at];
    }
  }
  return best;
}

int32_t Projection::id_of(int64_t column) const {
  return vocabulary_.selection ? vocabulary_.selection->ids()[column]
                               : static_cast<int32_t>(column);
}

Answers Projection::take() {
  Answers& answers = answers_;
  answers.k = k_;
  answers.found.assign(rows_, 0);
  answers.ids.assign(rows_ * k_, -1);
  answers.logits.assign(rows_ * k_, kNever);
  std::vector<int32_t> taken;
  for (int64_t row = 0; row < rows_; ++row) {
    answers.rest.push_back(summed_[row] != 0 ? total(sums_, row)
                                             : LogSum::none());
    answers.tempered.push_back(tempers_[row] > 0 ? total(tempered_, row)
                                                 : LogSum());
    taken.assign(groups_, 0);
    int32_t& found = answers.found[row];
    for (; found < k_; ++found) {
      const int64_t group = best_group(row, taken);
      if (group < 0) {
        break;
      }
      const int64_t at = (group * rows_ + row) * k_ + taken[group]++;
      answers.ids[row * k_ + found] = id_of(columns_[at]);
      answers.logits[row * k_ + found] = scores_[at];
    }
  }
  return std::move(answers_);
}

Answers Projection::ask(int64_t row, const Question& question) const {
  return best_tokens(vocabulary_, x_.from(row), {question});
}

ChunkSums Projection::tempered(int64_t row) const {
  const size_t count = static_cast<size_t>(chunks_);
  return {{&tempered_.maxima[row * chunks_], count},
          {&tempered_.sums[row * chunks_], count}};
}

std::vector<float> Projection::logits(int64_t row, int64_t chunk) const {
  LinearArgs args = chunk_args(chunk);
  std::vector<float> logits(static_cast<size_t>(chunk_columns_));
  args.y = logits.data();
  args.y_stride = chunk_columns_;
  args.rows = 1;
  // By itself: whole tiles are read, and it may be the last row.
  const LinearInput input(vocabulary_.output, x_.from(row), 1);
  input.set(args, 0);
  multiply(args);
  const int32_t first = static_cast<int32_t>(first_column(chunk));
  for (const Apart& apart : apart_of(row, first, args.out)) {
    logits[static_cast<size_t>(apart.column - first)] = kNever;
  }
  logits.resize(static_cast<size_t>(args.out));
  return logits;
}

}  // namespace pyattn
