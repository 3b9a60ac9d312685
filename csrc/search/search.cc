#include "search/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "search/random.h"

namespace pyattn {

Search::Search(const SearchTask& task, const Path& begun)
    : task_(task),
      constraints_(task_),
      begun_(begun),
      hash_(hash_of(hash_of(kHashOfNone, task.source), begun.tokens)) {
  // The last given token is the row of the first question; those before it are
  // fed in one pass. Alternatives start behind tokens whose cache exists.
  if (begun.tokens.empty()) {
    prefix_ = opening();
    rows_ = {{prefix_.back(), 0}};
    prefix_.pop_back();
  } else {
    rows_ = {{begun.tokens.back(), 0}};
  }
  set_rules(begun.length(), [&](size_t) { return begun; });
}

// What a target begins with before its first new token.
std::vector<int32_t> Search::opening() const {
  std::vector<int32_t> tokens = {task_.start};
  if (task_.prompted) {
    tokens.assign(task_.source.begin(), task_.source.end());
  }
  const std::vector<int32_t>& prefix = options().target_prefix;
  tokens.insert(tokens.end(), prefix.begin(),
                prefix.begin() + options().certain_prefix());
  return tokens;
}

// Rules that do not depend on the tokens of a target are the same for all rows.
void Search::set_rules(int32_t length,
                       const std::function<Path(size_t row)>& path) {
  rules_.clear();
  if (!constraints_.reads_target()) {
    rules_.push_back(constraints_.rules(length, {}));
    return;
  }
  for (size_t row = 0; row < rows_.size(); ++row) {
    std::vector<int32_t> target = opening();
    const Path own = path(row);
    target.insert(target.end(), own.tokens.begin(), own.tokens.end());
    rules_.push_back(constraints_.rules(length, target));
  }
}

// Divides by length ** length_penalty, as transformers and Marian do; Wu et al.
// 2016 use ((5 + length) / 6) ** penalty. `length` counts the tokens whose
// log-probabilities `total` sums.
float Search::normalised(float total, int32_t length) const {
  if (!begun_.tokens.empty()) {
    length -= begun_.length();
  } else if (options().length_counts_prefix) {
    length += options().certain_prefix();
  }
  return total / static_cast<float>(
                     std::pow(std::max(length, 1), options().length_penalty));
}

// Wu et al. 2016, equation 14: the penalty times the sum over source tokens of
// log(min(attention, 1)). A token without any attention would make it minus
// infinity, hence the smallest float as a lower bound.
float Search::coverage(const Path& path) const {
  if (options().coverage_penalty == 0) {
    return 0;
  }
  std::vector<float> covered(aligned_tokens());
  for (const std::span<const float> rows :
       {std::span<const float>(prefix_alignment_),
        std::span<const float>(path.alignment)}) {
    for (size_t i = 0; i < rows.size(); ++i) {
      covered[i % covered.size()] += rows[i];
    }
  }
  float sum = 0;
  for (const float one : covered) {
    sum += std::log(std::clamp(one, std::numeric_limits<float>::min(), 1.0F));
  }
  return options().coverage_penalty * sum;
}

// A hypothesis as the caller sees it: without the end token and with the given
// prefix, or as options require. The score of the tokens of a begun path is
// added at the end, so that it does not take part in the normalisation.
Found Search::result(Path path, float score, FinishReason reason) const {
  if (!options().return_end_token && !path.tokens.empty() &&
      constraints_.is_end(path.tokens.back())) {
    path.tokens.pop_back();
  }
  if (options().return_prefix) {
    const int32_t fed = options().certain_prefix();
    const std::vector<int32_t>& prefix = options().target_prefix;
    path.tokens.insert(path.tokens.begin(), prefix.begin(),
                       prefix.begin() + fed);
    path.scores.insert(path.scores.begin(), static_cast<size_t>(fed), 0.0F);
    std::vector<float> attention = prefix_alignment_;
    // A search may end before its prefix was fed.
    attention.resize(static_cast<size_t>(fed) * aligned_tokens());
    path.alignment.insert(path.alignment.begin(), attention.begin(),
                          attention.end());
  }
  for (const float one : begun_.scores) {
    score += one;
  }
  return {std::move(path.tokens), std::move(path.scores), score, reason,
          std::move(path.alignment)};
}

Found Search::result(Path path, FinishReason reason) const {
  float total = 0;
  for (size_t i = begun_.scores.size(); i < path.scores.size(); ++i) {
    total += path.scores[i];
  }
  const float score = normalised(total, path.length()) + coverage(path);
  return result(std::move(path), score, reason);
}

// The hash is of the source and the begun tokens, not of the place in a batch,
// so a sentence draws the same numbers in any company.
double Search::uniform(size_t hypothesis, int32_t step) const {
  return pyattn::uniform(options().seed, hash_,
                         static_cast<uint32_t>(hypothesis),
                         static_cast<uint32_t>(step));
}

std::unique_ptr<Search> make_search(const SearchTask& task) {
  return task.options->return_alternatives ? make_alternatives(task)
                                           : make_search(task, {});
}

// A beam samples by itself, with `do_sample`.
std::unique_ptr<Search> make_search(const SearchTask& task, const Path& begun) {
  if (task.options->beam_size > 1) {
    return make_beam(task, begun);
  }
  return task.options->do_sample ? make_sampling(task, begun)
                                 : make_greedy(task, begun);
}

}  // namespace pyattn
