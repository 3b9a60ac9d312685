#include "engine/generation.h"

#include <algorithm>
#include <numeric>

namespace pyattn {

Generation::Generation(const ModelWeights& weights,
                       const std::vector<Sequence>& sources,
                       const SearchOptions& options, const Limits& limits,
                       const OnFound& found)
    : weights_(weights),
      sources_(sources),
      options_(options),
      limits_(limits),
      found_(found),
      waiting_(sources.size()),
      pool_(token_bytes(weights)) {
  // The longest start first: at the end, when nothing is left to fill the
  // batch with, what still runs is short.
  std::iota(waiting_.begin(), waiting_.end(), size_t{0});
  std::stable_sort(waiting_.begin(), waiting_.end(), [&](size_t a, size_t b) {
    return sources[a].size() < sources[b].size();
  });
  forbidden_.always = options.suppressed;
  forbidden_.end = weights.config.end;
}

void Generation::run() {
  while (!waiting_.empty() || !live_.empty()) {
    while (worth_admitting()) {
      admit();
    }
    step();
  }
}

// Encoding a few tokens costs as much as reading all weights does, so places
// are filled a quarter of the batch at a time.
bool Generation::worth_admitting() const {
  if (waiting_.empty()) {
    return false;
  }
  const int64_t room = limits_.rows - live_rows_;
  const int64_t wanted = std::min<int64_t>(
      static_cast<int64_t>(waiting_.size()) * options_.beam_size,
      std::max<int64_t>(limits_.rows / 4, options_.beam_size));
  return live_.empty() || room >= wanted;
}

void Generation::admit() {
  std::vector<size_t> indices;
  int64_t tokens = 0;
  while (!waiting_.empty()) {
    const int64_t size = static_cast<int64_t>(sources_[waiting_.back()].size());
    const bool first = live_.empty() && indices.empty();
    const bool fits =
        live_rows_ + options_.beam_size <= limits_.rows &&
        (indices.empty() || tokens + size <= limits_.batch_tokens);
    if (!first && !fits) {
      break;
    }
    indices.push_back(waiting_.back());
    waiting_.pop_back();
    live_rows_ += options_.beam_size;
    tokens += size;
  }
  begin(indices);
}

void Generation::begin(const std::vector<size_t>& indices) {
  Ragged ragged;
  for (const size_t index : indices) {
    ragged.add(sources_[index]);
  }
  const Buffer<float> encoded = encode(weights_, ragged);
  const auto memory = std::make_shared<const CrossMemory>(
      weights_, encoded.data(), ragged.tokens());
  for (size_t i = 0; i < indices.size(); ++i) {
    Sentence sentence;
    sentence.index = indices[i];
    sentence.search =
        make_search(options_, weights_.config.start, weights_.config.end);
    sentence.memory = memory;
    for (int64_t t = ragged.starts[i]; t < ragged.starts[i + 1]; ++t) {
      sentence.source.push_back(memory->token(t));
    }
    sentence.pasts.resize(1);
    live_.push_back(std::move(sentence));
  }
}

void Generation::step() {
  rows_.clear();
  forbidden_.end_in_row.clear();
  int32_t candidates = 1;
  for (Sentence& sentence : live_) {
    prepare_rows(sentence);
    candidates = std::max(candidates, sentence.search->candidates());
  }
  const int64_t count = static_cast<int64_t>(rows_.size());
  const Buffer<float> states = decode(weights_, rows_);
  best_tokens({weights_.output, nullptr}, {states.data(), weights_.config.dim},
              count, candidates, forbidden_, best_);
  int64_t first = 0;
  for (Sentence& sentence : live_) {
    const int64_t rows = static_cast<int64_t>(sentence.search->rows().size());
    sentence.search->advance(best_, first);
    first += rows;
    if (sentence.search->rows().empty()) {
      finish(sentence);
    }
  }
  std::erase_if(live_, [](const Sentence& sentence) {
    return sentence.search->rows().empty();
  });
}

// Gives every row of the sentence the past of its parent and a slot of its own.
void Generation::prepare_rows(Sentence& sentence) {
  std::vector<std::vector<const void*>> pasts;
  for (const NextRow& row : sentence.search->rows()) {
    void* slot = pool_.take();
    sentence.slots.push_back(slot);
    pasts.push_back(sentence.pasts[static_cast<size_t>(row.parent)]);
    std::vector<const void*>& past = pasts.back();
    past.push_back(slot);
    const int64_t time = static_cast<int64_t>(past.size());
    rows_.push_back({row.token,
                     static_cast<int32_t>(time) - 1,
                     slot,
                     {past.data(), time, nullptr},
                     {sentence.source.data(),
                      static_cast<int64_t>(sentence.source.size()), nullptr}});
    forbidden_.end_in_row.push_back(sentence.search->end_forbidden() ? 1 : 0);
  }
  // Moving a list keeps its elements where the rows point to.
  sentence.pasts = std::move(pasts);
}

void Generation::finish(Sentence& sentence) {
  pool_.give_back(sentence.slots);
  live_rows_ -= options_.beam_size;
  found_(sentence.index, sentence.search->results());
}

}  // namespace pyattn
