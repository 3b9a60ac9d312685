#include "ops/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/buffer.h"
#include "base/threads.h"

namespace pyattn {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Columns and rows of logits that exist at a time, for each thread: 128 KiB,
// which stays in L2 next to the weights that stream through it. The sums of
// exponentials are per chunk, so its width must not depend on the threads.
constexpr int64_t kChunkColumns = 512;
constexpr int64_t kChunkRows = 64;

constexpr int64_t kFloatsPerThread = 64 * 1024;

// The k best of the columns from some chunk on, of one thread.
struct BestOfPart {
  int64_t first_chunk;
  std::vector<int32_t> found, ids;
  std::vector<float> scores;

  BestOfPart(int64_t chunk, int64_t rows, int64_t k)
      : first_chunk(chunk),
        found(static_cast<size_t>(rows)),
        ids(static_cast<size_t>(rows * k)),
        scores(static_cast<size_t>(rows * k)) {}
};

// The logarithm of a sum of exponentials, in two terms. Subtracting one after
// the other keeps the digits of a log-probability near zero.
struct LogTotal {
  float max;
  float rest;

  float log_prob(float logit) const { return (logit - max) - rest; }
};

// Everything that one call of best_tokens works with.
struct Projection {
  const PackedLinear& output;
  const LinearInput input;
  const int64_t rows;
  const int64_t k;
  const Forbidden& forbidden;

  const int64_t chunk_panels = kChunkColumns / output.table().panel;
  const int64_t chunk_columns = chunk_panels * output.table().panel;
  const int64_t chunks = (output.panels() + chunk_panels - 1) / chunk_panels;
  std::vector<float> maxima = std::vector<float>(chunks * rows);
  std::vector<float> sums = std::vector<float>(chunks * rows);

  void run_chunk(int64_t chunk, Buffer<float>& logits, BestOfPart& best);
  void choose(int64_t row, int64_t chunk, float* logits, int64_t count,
              BestOfPart& best);
  LogTotal log_total(int64_t row) const;
};

void Projection::run_chunk(int64_t chunk, Buffer<float>& logits,
                           BestOfPart& best) {
  const int64_t end_panel =
      std::min((chunk + 1) * chunk_panels, output.panels());
  LinearArgs args = output.columns(chunk * chunk_panels, end_panel);
  args.y = logits.data();
  args.y_stride = chunk_columns;
  for (int64_t row = 0; row < rows; row += kChunkRows) {
    input.set(args, row);
    args.rows = std::min(kChunkRows, rows - row);
    output.run(args);
    for (int64_t r = 0; r < args.rows; ++r) {
      choose(row + r, chunk, args.y + r * chunk_columns, args.out, best);
    }
  }
}

void Projection::choose(int64_t row, int64_t chunk, float* logits,
                        int64_t count, BestOfPart& best) {
  output.table().log_sum_exp({.x = logits,
                              .count = count,
                              .max = &maxima[chunk * rows + row],
                              .sum = &sums[chunk * rows + row]});
  const int32_t first = static_cast<int32_t>(chunk * chunk_columns);
  const auto forbid = [&](int32_t id) {
    if (id >= first && id < first + count) {
      logits[id - first] = kNever;
    }
  };
  for (const int32_t id : forbidden.always) {
    forbid(id);
  }
  if (!forbidden.end_in_row.empty() && forbidden.end_in_row[row] != 0) {
    forbid(forbidden.end);
  }
  output.table().top_k({.x = logits,
                        .count = count,
                        .first_id = first,
                        .k = static_cast<int32_t>(k),
                        .found = &best.found[row],
                        .scores = &best.scores[row * k],
                        .ids = &best.ids[row * k]});
}

// Chunks are added in their order: the same sum for any number of threads.
LogTotal Projection::log_total(int64_t row) const {
  float most = kNever;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    most = std::max(most, maxima[chunk * rows + row]);
  }
  float total = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    total +=
        sums[chunk * rows + row] * std::exp(maxima[chunk * rows + row] - most);
  }
  return {most, std::log(total)};
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

void best_tokens(const PackedLinear& output, ConstRows x, int64_t rows,
                 int64_t k, const Forbidden& forbidden, Candidates& best) {
  k = std::min(k, output.out());
  Projection projection{output, LinearInput(output, x, rows), rows, k,
                        forbidden};
  std::vector<BestOfPart> parts;
  std::mutex mutex;
  parallel_for(projection.chunks, 1, [&](int64_t begin, int64_t end) {
    Buffer<float> logits(kChunkRows * projection.chunk_columns);
    BestOfPart part(begin, rows, k);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      projection.run_chunk(chunk, logits, part);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    parts.push_back(std::move(part));
  });
  std::sort(parts.begin(), parts.end(),
            [](const BestOfPart& a, const BestOfPart& b) {
              return a.first_chunk < b.first_chunk;
            });

  best.k = k;
  best.found.assign(rows, 0);
  best.ids.assign(rows * k, -1);
  best.log_probs.assign(rows * k, kNever);
  std::vector<std::pair<float, int32_t>> merged;
  for (int64_t row = 0; row < rows; ++row) {
    merged.clear();
    for (const BestOfPart& part : parts) {
      for (int64_t i = 0; i < part.found[row]; ++i) {
        merged.emplace_back(part.scores[row * k + i], part.ids[row * k + i]);
      }
    }
    std::stable_sort(
        merged.begin(), merged.end(),
        [](const auto& a, const auto& b) { return a.first > b.first; });
    const LogTotal log_total = projection.log_total(row);
    best.found[row] = static_cast<int32_t>(
        std::min<int64_t>(k, static_cast<int64_t>(merged.size())));
    for (int64_t i = 0; i < best.found[row]; ++i) {
      best.ids[row * k + i] = merged[i].second;
      best.log_probs[row * k + i] = log_total.log_prob(merged[i].first);
    }
  }
}

}  // namespace pyattn
