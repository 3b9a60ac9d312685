#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "model/cache.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "ops/vocabulary.h"
#include "search/search.h"

namespace pyattn {

/// One run of `Engine::generate`: continuous batching. A finished sentence
/// leaves the decoding batch at its step, and waiting ones take its place.
class Generation {
 public:
  using OnFound = std::function<void(size_t, std::vector<Found>)>;

  Generation(const ModelWeights& weights, const std::vector<Sequence>& sources,
             const SearchOptions& options, const Limits& limits,
             const OnFound& found);

  void run();

 private:
  // A sentence that is being decoded.
  struct Sentence {
    size_t index;
    std::unique_ptr<Search> search;
    // Shared by the sentences that were encoded together.
    std::shared_ptr<const CrossMemory> memory;
    std::vector<const void*> source;              // its tokens in `memory`
    std::vector<std::vector<const void*>> pasts;  // tokens behind each row
    std::vector<void*> slots;                     // all that it ever took
  };

  bool worth_admitting() const;
  void admit();
  void begin(const std::vector<size_t>& indices);
  void step();
  void prepare_rows(Sentence& sentence);
  void finish(Sentence& sentence);

  const ModelWeights& weights_;
  const std::vector<Sequence>& sources_;
  const SearchOptions& options_;
  const Limits& limits_;
  const OnFound& found_;

  std::vector<size_t> waiting_;  // indices of sources, the next one last
  std::vector<Sentence> live_;
  int64_t live_rows_ = 0;  // that the live sentences may come to need
  TokenPool pool_;

  // Of the step at hand.
  std::vector<DecoderRow> rows_;
  Forbidden forbidden_;
  Candidates best_;
};

}  // namespace pyattn
