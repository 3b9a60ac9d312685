#include "ops/vocabulary_search.h"

#include "base/check.h"
#include "ops/search_run.h"

namespace pyattn {
namespace {

// Rows after which `pays` is reconsidered, and the rows that then do without.
// Rows that try in vain cost less than twice the product, so that all this
// costs 3 % of it at most.
constexpr int64_t kStretch = 512;
constexpr int64_t kPause = 32 * kStretch;

// It pays while a row's logits are no more than this share of the columns. Zen
// 4, 8,000 tokens, 256 inputs, 32 rows: int8 takes 7 us instead of 12 for 20
// logits, and 35 ns more for each; float32 13 us instead of 39 for 8, and 300
// ns more for each, with its panel.
constexpr int64_t kPayingShare = 48, kPayingShareOfPanels = 96;

// What a row may list apart; each may cost the logits of a panel.
constexpr size_t kMostApart = 16;

}  // namespace

VocabularySearch::VocabularySearch(const PackedLinear& output,
                                   const SearchParts& parts)
    : output_(output),
      axes_({output.table(), output.dtype()}, {parts.axes}, output.in(),
            arena_),
      bounds_({output.table(), DType::kInt8}, {parts.bounds},
              parts.kept + kBoundNorms, arena_),
      rows_(output),
      kept_(parts.kept),
      bounds_scale_(parts.bounds_scale),
      factors_(parts.factors),
      slack_per_norm_(parts.slack_per_norm),
      slack_per_kept_(parts.slack_per_kept),
      most_norm_(parts.most_norm) {
  check(output.dtype() < DType::kInt4, "search",
        "the output is in int4 or int8_grouped, expected another number type");
  check(kept_ > 0 && kept_ <= axes_.out(), "search", "kept is out of range");
  check(axes_.out() >= output.in() && bounds_.out() == output.out(), "search",
        "shapes are not the output's");
  check(static_cast<int64_t>(factors_.size()) == kBoundNorms, "search",
        "there must be a factor for each norm");
}

int64_t VocabularySearch::whole_share() const { return rows_.empty() ? 32 : 4; }

bool VocabularySearch::suits(const Question& question) {
  return question.k == 1 && !question.sum &&
         question.inverse_temperature == 0 &&
         question.apart.size() <= kMostApart;
}

bool VocabularySearch::pays(int64_t rows) const {
  if (pause_.load(std::memory_order_relaxed) <= 0) {
    return true;
  }
  pause_.fetch_sub(rows, std::memory_order_relaxed);
  return false;
}

void VocabularySearch::count(const Counts& counts) const {
  constexpr std::memory_order kOrder = std::memory_order_relaxed;
  counted_rows_.fetch_add(counts.rows, kOrder);
  whole_rows_.fetch_add(counts.whole_rows, kOrder);
  logits_.fetch_add(counts.logits, kOrder);
  // A row that was computed whole counts as if it had as many as it may have.
  const int64_t all =
      counts.logits + counts.whole_rows * output_.out() / whole_share();
  const int64_t logits = recent_logits_.fetch_add(all, kOrder) + all;
  const int64_t rows =
      recent_rows_.fetch_add(counts.rows, kOrder) + counts.rows;
  if (rows >= kStretch) {
    const int64_t share = rows_.empty() ? kPayingShareOfPanels : kPayingShare;
    if (logits > rows * output_.out() / share) {
      pause_.store(kPause, kOrder);
    }
    recent_logits_.store(0, kOrder);
    recent_rows_.store(0, kOrder);
  }
}

VocabularySearch::Counts VocabularySearch::counts() const {
  return {counted_rows_.load(), whole_rows_.load(), logits_.load()};
}

Answers VocabularySearch::best(ConstRows x,
                               const std::vector<Question>& questions) const {
  SearchRun run(*this, x, questions);
  Answers answers = run.run();
  count(run.counts());
  return answers;
}

}  // namespace pyattn
