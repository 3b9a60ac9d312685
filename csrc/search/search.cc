#include "search/search.h"

namespace pyattn {

std::unique_ptr<Search> make_search(const SearchOptions& options, int32_t start,
                                    int32_t end) {
  return options.beam_size == 1 ? make_greedy(options, start, end)
                                : make_beam(options, start, end);
}

}  // namespace pyattn
