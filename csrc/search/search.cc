#include "search/search.h"

#include <algorithm>

namespace pyattn {

void Search::set_apart() {
  apart_ = options().suppressed;
  const auto end = std::lower_bound(apart_.begin(), apart_.end(), task_.end);
  if (length_ < options().min_new_tokens &&
      (end == apart_.end() || *end != task_.end)) {
    apart_.insert(end, task_.end);
  }
}

int32_t search_width(const SearchOptions& options) { return options.beam_size; }

std::unique_ptr<Search> make_search(const SearchTask& task) {
  return task.options->beam_size == 1 ? make_greedy(task) : make_beam(task);
}

}  // namespace pyattn
