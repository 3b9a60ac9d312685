#include "ops/vocabulary.h"

#include <algorithm>
#include <atomic>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/buffer.h"
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

constexpr int64_t kFloatsPerThread = 64 * 1024;

// A little less than `score`, also where denormal numbers count as zero.
float below(float score) {
  const float finite = std::min(score, FLT_MAX);
  return finite - std::max(std::fabs(finite) * FLT_EPSILON, FLT_MIN);
}

// Everything that one call of best_tokens works with. Neighbouring chunks are
// a group, which one thread computes and has a list of the best for.
class Projection {
 public:
  Projection(const Vocabulary& vocabulary, ConstRows x,
             const std::vector<Question>& questions, int64_t k)
      : output_(vocabulary.output),
        selection_(vocabulary.selection),
        rows_(static_cast<int64_t>(questions.size())),
        k_(k),
        input_(output_, x, rows_),
        panels_(selection_ ? selection_->panels() : output_.panels()),
        chunk_panels_(kChunkColumns / output_.table().panel),
        chunk_columns_(chunk_panels_ * output_.table().panel),
        chunks_((panels_ + chunk_panels_ - 1) / chunk_panels_),
        groups_(parallel_width() == 1
                    ? 1
                    : std::min(chunks_, kGroupsPerThread * parallel_width())),
        maxima_(rows_ * chunks_),
        sums_(rows_ * chunks_),
        found_(groups_ * rows_),
        columns_(groups_ * rows_ * k),
        scores_(groups_ * rows_ * k),
        bars_(rows_) {
    set_apart(questions);
    std::fill_n(found_.data(), found_.size(), 0);
    std::fill(bars_.begin(), bars_.end(), kNever);
  }

  void run();

  // Call once.
  Answers take();

 private:
  // A column that a row's question has apart, and where its logit goes.
  struct Apart {
    int32_t column;
    int64_t at;
  };

  void set_apart(const std::vector<Question>& questions);
  void run_chunk(int64_t group, int64_t chunk, float* logits);
  void take_apart(int64_t row, int32_t first, float* logits, int64_t count);
  void choose(int64_t group, int64_t chunk, int64_t row, float* logits,
              int64_t count);
  int64_t best_group(int64_t row, const std::vector<int32_t>& taken) const;

  const PackedLinear& output_;
  const Selection* const selection_;
  const int64_t rows_, k_;
  const LinearInput input_;
  const int64_t panels_, chunk_panels_, chunk_columns_, chunks_, groups_;
  std::vector<Apart> apart_;           // row behind row, columns ascending
  std::vector<int64_t> apart_starts_;  // [rows + 1], in apart_
  Answers answers_;
  Buffer<float> maxima_, sums_;  // [rows, chunks]
  Buffer<int32_t> found_;        // [groups, rows], at most k
  // -1 behind the candidates of a list that began with a bar.
  Buffer<int32_t> columns_;  // [groups, rows, k]
  Buffer<float> scores_;     // [groups, rows, k]: logits
  // [rows]: at least k elements are as good, whoever has found them. Without
  // it every list would begin from nothing, and most insertions of a list are
  // those into its first chunks.
  std::vector<std::atomic<float>> bars_;
};

void Projection::set_apart(const std::vector<Question>& questions) {
  apart_starts_.push_back(0);
  answers_.apart_starts.push_back(0);
  for (const Question& question : questions) {
    int64_t at = answers_.apart_starts.back();
    for (const int32_t id : question.apart) {
      const int32_t column = selection_ ? selection_->column_of(id) : id;
      if (column >= 0) {
        apart_.push_back({column, at});
      }
      ++at;
    }
    answers_.apart_starts.push_back(at);
    apart_starts_.push_back(static_cast<int64_t>(apart_.size()));
  }
  answers_.apart_logits.assign(answers_.apart_starts.back(), kNever);
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
  const int64_t begin = chunk * chunk_panels_;
  const int64_t end = std::min(begin + chunk_panels_, panels_);
  LinearArgs args = selection_ ? selection_->columns(begin, end)
                               : output_.columns(begin, end);
  args.y = logits;
  args.y_stride = chunk_columns_;
  for (int64_t row = 0; row < rows_; row += kChunkRows) {
    input_.set(args, row);
    args.rows = std::min(kChunkRows, rows_ - row);
    output_.run(args);
    for (int64_t r = 0; r < args.rows; ++r) {
      choose(group, chunk, row + r, logits + r * chunk_columns_, args.out);
    }
  }
}

// Moves the logits that are apart out of a chunk.
void Projection::take_apart(int64_t row, int32_t first, float* logits,
                            int64_t count) {
  const auto end = apart_.begin() + apart_starts_[row + 1];
  auto apart = std::lower_bound(
      apart_.begin() + apart_starts_[row], end, first,
      [](const Apart& one, int32_t column) { return one.column < column; });
  for (; apart != end && apart->column < first + count; ++apart) {
    answers_.apart_logits[apart->at] =
        std::exchange(logits[apart->column - first], kNever);
  }
}

void Projection::choose(int64_t group, int64_t chunk, int64_t row,
                        float* logits, int64_t count) {
  const KernelTable& table = output_.table();
  const int32_t first = static_cast<int32_t>(chunk * chunk_columns_);
  take_apart(row, first, logits, count);
  float* const most = &maxima_[row * chunks_ + chunk];
  table.log_sum_exp({.x = logits,
                     .weights = nullptr,
                     .count = count,
                     .max = most,
                     .sum = &sums_[row * chunks_ + chunk]});
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
  if (!(*most > std::max(bar, last))) {
    return;
  }
  table.top_k({.x = logits,
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

Answers Projection::take() {
  Answers& answers = answers_;
  answers.k = k_;
  answers.found.assign(rows_, 0);
  answers.ids.assign(rows_ * k_, -1);
  answers.logits.assign(rows_ * k_, kNever);
  std::vector<int32_t> taken;
  for (int64_t row = 0; row < rows_; ++row) {
    // Chunks are added in their order: the same sum for any number of threads.
    float most, sum;
    output_.table().log_sum_exp({.x = &maxima_[row * chunks_],
                                 .weights = &sums_[row * chunks_],
                                 .count = chunks_,
                                 .max = &most,
                                 .sum = &sum});
    answers.rest.push_back({most, std::log(sum)});
    taken.assign(groups_, 0);
    int32_t& found = answers.found[row];
    for (; found < k_; ++found) {
      const int64_t group = best_group(row, taken);
      if (group < 0) {
        break;
      }
      const int64_t at = (group * rows_ + row) * k_ + taken[group]++;
      answers.ids[row * k_ + found] =
          selection_ ? selection_->ids()[columns_[at]] : columns_[at];
      answers.logits[row * k_ + found] = scores_[at];
    }
  }
  return std::move(answers_);
}

}  // namespace

void embed(const KernelTable& table, const EmbedArgs& args) {
  parallel_for(args.rows, kFloatsPerThread / args.dim + 1,
               [&](int64_t begin, int64_t end) {
                 EmbedArgs part = args;
                 part.ids += begin;
                 part.position_ids += begin;
                 part.y += begin * args.dim;
                 part.rows = end - begin;
                 table.embed(part);
               });
}

LogSum LogSum::with(std::span<const float> logits) const {
  const float most =
      std::accumulate(logits.begin(), logits.end(), max,
                      [](float a, float b) { return std::max(a, b); });
  if (most == kNever) {
    return *this;
  }
  float sum = max == kNever ? 0.0F : std::exp((max - most) + log);
  for (const float logit : logits) {
    sum += std::exp(logit - most);
  }
  return {most, std::log(sum)};
}

Answers best_tokens(const Vocabulary& vocabulary, ConstRows x,
                    const std::vector<Question>& questions) {
  int64_t k = 1;
  for (const Question& question : questions) {
    k = std::max(k, question.k);
  }
  const int64_t columns =
      vocabulary.selection
          ? static_cast<int64_t>(vocabulary.selection->ids().size())
          : vocabulary.output.out();
  Projection projection(vocabulary, x, questions, std::min(k, columns));
  projection.run();
  return projection.take();
}

}  // namespace pyattn
