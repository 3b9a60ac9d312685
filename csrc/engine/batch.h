#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/request.h"
#include "engine/state_sample.h"
#include "model/cache.h"
#include "model/source_memory.h"
#include "model/weights.h"
#include "search/search.h"

namespace pyattn {

/// The sentences that are decoded together, a token of each in every step
/// (continuous batching). A sentence leaves at the step that finishes it; who
/// takes its place is the queue's business.
///
/// Not thread-safe: it belongs to the runner's job.
class Batch {
 public:
  /// `cache_bytes`: for the keys and values of all its tokens.
  Batch(const ModelWeights& weights, StateSample& sample, int64_t cache_bytes);

  bool empty() const { return live_.empty(); }

  /// The most rows that its searches take in a step.
  int64_t rows() const;

  /// How many target tokens' keys and values fit in memory.
  int64_t capacity() const { return pool_.capacity(); }

  /// The memory that is left, and what the keys and values of target tokens and
  /// those of a sentence's source take of it.
  int64_t free_bytes() const { return pool_.free_bytes(); }
  int64_t target_bytes(int64_t tokens) const {
    return tokens * pool_.slot_bytes();
  }
  int64_t source_bytes(const SentenceRef& sentence) const;

  /// Encodes sentences, all at once, and begins their searches. Their sources
  /// must fit in memory.
  void join(const std::vector<SentenceRef>& sentences);

  /// Removes the sentence that joined last, with all that was found for it.
  SentenceRef remove_youngest();

  /// Removes sentences that were cancelled or whose time is over.
  void remove_ended(Clock::time_point now);

  /// The number of tokens that the next step adds to the cache.
  int64_t step_tokens() const;

  /// Decodes a token of every sentence. `step_tokens` must fit in memory.
  void step();

  void clear() { live_.clear(); }

  /// Returns memory to the system; call while the batch is empty.
  void trim() { pool_.trim(); }

 private:
  // A sentence that is being decoded.
  struct Live {
    SentenceRef sentence;
    std::unique_ptr<Search> search;
    // The columns of its shortlist; null is all.
    std::shared_ptr<const Selection> selection;
    SourceMemory source;  // what cross-attention reads
    Pasts pasts;          // what self-attention reads, of every row
    bool started = false;
    // Of the current step: where the answers to its questions are.
    size_t group = 0;
    int64_t first = 0;

    // Tokens of a prompt or a certain prefix that are still to be fed.
    size_t prefix_rows() const { return started ? 0 : search->prefix().size(); }
  };
  class Step;

  // The longest common beginning of a prompt and of that of one of the first
  // `count` sentences, whose keys and values it can share.
  struct Common {
    const Live* with = nullptr;
    int64_t tokens = 0;
  };
  Common common_beginning(const SentenceRef& sentence, size_t count) const;
  std::shared_ptr<const Selection> selection_of(
      const SentenceRef& sentence) const;
  bool advance(Live& live, const Step& step);

  const ModelWeights& weights_;
  StateSample& sample_;
  TokenPool pool_;
  std::vector<Live> live_;  // in the order in which they joined
};

}  // namespace pyattn
