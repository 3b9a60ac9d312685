#include "ops/vocabulary_search.h"

#include "base/check.h"
#include "ops/search_run.h"

namespace pyattn {
namespace {

// Rows after which `pays` is reconsidered, the share of panels from which it
// does not, and the rows that then do without. With 8,000 tokens and 256 int8
// inputs (Zen 4), 8 to 64 rows of 9 panels each take 0.69 of the product's time
// and of 54 panels 1.17. Rows that try in vain cost less than twice the
// product, so that all this costs 3 % of it at most.
constexpr int64_t kStretch = 512;
constexpr int64_t kPayingShare = 8;
constexpr int64_t kPause = 32 * kStretch;

// What a row may list apart; each costs the logits of a panel.
constexpr size_t kMostApart = 16;

}  // namespace

VocabularySearch::VocabularySearch(const PackedLinear& output,
                                   const SearchParts& parts)
    : output_(output),
      axes_({output.table(), output.dtype()}, {parts.axes}, output.in(),
            arena_),
      bounds_({output.table(), DType::kInt8}, {parts.bounds},
              parts.kept + kNorms, arena_),
      kept_(parts.kept),
      factors_(parts.factors),
      slack_(parts.slack),
      slack_per_norm_(parts.slack_per_norm),
      slack_per_scale_(parts.slack_per_scale),
      most_norm_(parts.most_norm) {
  check(output.dtype() < DType::kInt4, "search",
        "the output is in int4 or int8_grouped, expected another number type");
  check(kept_ > 0 && kept_ <= output.in(), "search", "kept is out of range");
  check(axes_.out() == output.in() && bounds_.out() == output.out(), "search",
        "shapes are not the output's");
  check(static_cast<int64_t>(factors_.size()) == kNorms, "search",
        "there must be a factor for each norm");
}

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
  rows_.fetch_add(counts.rows, kOrder);
  whole_rows_.fetch_add(counts.whole_rows, kOrder);
  panels_.fetch_add(counts.panels, kOrder);
  const int64_t all = counts.panels + counts.whole_rows * output_.panels();
  const int64_t panels = recent_panels_.fetch_add(all, kOrder) + all;
  const int64_t rows =
      recent_rows_.fetch_add(counts.rows, kOrder) + counts.rows;
  if (rows >= kStretch) {
    if (panels > rows * output_.panels() / kPayingShare) {
      pause_.store(kPause, kOrder);
    }
    recent_panels_.store(0, kOrder);
    recent_rows_.store(0, kOrder);
  }
}

VocabularySearch::Counts VocabularySearch::counts() const {
  return {rows_.load(), whole_rows_.load(), panels_.load()};
}

Answers VocabularySearch::best(ConstRows x,
                               const std::vector<Question>& questions) const {
  SearchRun run(*this, x, questions);
  Answers answers = run.run();
  count(run.counts());
  return answers;
}

}  // namespace pyattn
