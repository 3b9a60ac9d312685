#include "ops/vocabulary.h"

#include <algorithm>
#include <atomic>
#include <cfloat>
#include <cmath>
#include <limits>

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
  Projection(const Vocabulary& vocabulary, ConstRows x, int64_t rows, int64_t k,
             const Forbidden& forbidden)
      : output_(vocabulary.output),
        selection_(vocabulary.selection),
        input_(output_, x, rows),
        rows_(rows),
        k_(k),
        forbidden_(columns_of(forbidden)),
        panels_(selection_ ? selection_->panels() : output_.panels()),
        chunk_panels_(kChunkColumns / output_.table().panel),
        chunk_columns_(chunk_panels_ * output_.table().panel),
        chunks_((panels_ + chunk_panels_ - 1) / chunk_panels_),
        groups_(parallel_width() == 1
                    ? 1
                    : std::min(chunks_, kGroupsPerThread * parallel_width())),
        maxima_(rows * chunks_),
        sums_(rows * chunks_),
        found_(groups_ * rows),
        columns_(groups_ * rows * k),
        scores_(groups_ * rows * k),
        bars_(rows) {
    std::fill_n(found_.data(), found_.size(), 0);
    std::fill(bars_.begin(), bars_.end(), kNever);
  }

  void run();
  void merge(Candidates& best) const;

 private:
  Forbidden columns_of(const Forbidden& ids) const;
  void run_chunk(int64_t group, int64_t chunk, float* logits);
  void choose(int64_t group, int64_t chunk, int64_t row, float* logits,
              int64_t count);
  int64_t best_group(int64_t row, const std::vector<int32_t>& taken) const;

  const PackedLinear& output_;
  const Selection* const selection_;
  const LinearInput input_;
  const int64_t rows_, k_;
  const Forbidden forbidden_;  // columns, not ids
  const int64_t panels_, chunk_panels_, chunk_columns_, chunks_, groups_;
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

Forbidden Projection::columns_of(const Forbidden& ids) const {
  Forbidden columns = ids;
  if (selection_ != nullptr) {
    columns.always.clear();
    for (const int32_t id : ids.always) {
      const int32_t column = selection_->column_of(id);
      if (column >= 0) {
        columns.always.push_back(column);
      }
    }
    columns.end = selection_->column_of(ids.end);
  }
  return columns;
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

void Projection::choose(int64_t group, int64_t chunk, int64_t row,
                        float* logits, int64_t count) {
  const KernelTable& table = output_.table();
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
  const int32_t first = static_cast<int32_t>(chunk * chunk_columns_);
  const int32_t end = static_cast<int32_t>(first + count);
  const std::vector<int32_t>& always = forbidden_.always;
  for (auto column = std::lower_bound(always.begin(), always.end(), first);
       column != always.end() && *column < end; ++column) {
    logits[*column - first] = kNever;
  }
  if (!forbidden_.end_in_row.empty() && forbidden_.end_in_row[row] != 0 &&
      forbidden_.end >= first && forbidden_.end < end) {
    logits[forbidden_.end - first] = kNever;
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

void Projection::merge(Candidates& best) const {
  best.k = k_;
  best.found.assign(rows_, 0);
  best.ids.assign(rows_ * k_, -1);
  best.log_probs.assign(rows_ * k_, kNever);
  std::vector<int32_t> taken;
  for (int64_t row = 0; row < rows_; ++row) {
    // Chunks are added in their order: the same sum for any number of threads.
    float most, sum;
    output_.table().log_sum_exp({.x = &maxima_[row * chunks_],
                                 .weights = &sums_[row * chunks_],
                                 .count = chunks_,
                                 .max = &most,
                                 .sum = &sum});
    const float rest = std::log(sum);
    taken.assign(groups_, 0);
    int32_t& found = best.found[row];
    for (; found < k_; ++found) {
      const int64_t group = best_group(row, taken);
      if (group < 0) {
        break;
      }
      const int64_t at = (group * rows_ + row) * k_ + taken[group]++;
      best.ids[row * k_ + found] =
          selection_ ? selection_->ids()[columns_[at]] : columns_[at];
      // In this order a log-probability near zero keeps its digits.
      best.log_probs[row * k_ + found] = (scores_[at] - most) - rest;
    }
  }
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

void best_tokens(const Vocabulary& vocabulary, ConstRows x, int64_t rows,
                 int64_t k, const Forbidden& forbidden, Candidates& best) {
  const int64_t columns =
      vocabulary.selection
          ? static_cast<int64_t>(vocabulary.selection->ids().size())
          : vocabulary.output.out();
  Projection projection(vocabulary, x, rows, std::min(k, columns), forbidden);
  projection.run();
  projection.merge(best);
}

}  // namespace pyattn
