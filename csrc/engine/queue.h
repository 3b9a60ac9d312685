#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/batch.h"
#include "engine/request.h"
#include "model/config.h"

namespace pyattn {

/// How much runs at a time. No limit changes a result.
struct Limits {
  int64_t batch_tokens;  // source tokens that are encoded together
  int64_t rows;          // hypotheses that are decoded together
  int64_t cache_bytes;   // of the keys and values of all of them
};

/// The sentences that wait, and the rules by which they enter and leave the
/// batch.
///
/// Turns: each request in turn admits one sentence, so that a short request
/// need not wait until a long one is finished. Of a request the longest
/// sentences go first: the last ones to run, when no others are left to fill
/// the batch with, should be short.
///
/// Admission: encoding a few tokens costs as much as reading all weights, so
/// free rows are filled a quarter of the batch at a time, or as soon as a
/// request waits that has not had a turn yet.
///
/// Memory: nobody knows how long a target becomes, and to reserve the maximum
/// would leave most of the memory unused. So a sentence is admitted if its
/// source fits once, and once more for each hypothesis. If a later step needs
/// more, the youngest sentences lose what they have and wait again; started
/// anew, they come to the same tokens. A sentence that does not fit alone fails
/// its request, and no other.
///
/// Not thread-safe: it belongs to the runner's job.
class Queue {
 public:
  Queue(const ModelConfig& config, const Limits& limits)
      : config_(config), limits_(limits) {}

  bool empty() const { return waiting_.empty(); }

  /// Appends all sentences of a request.
  void add(std::shared_ptr<Request> request);

  /// Whether enough of the batch is free, and somebody waits for it.
  bool should_admit(const Batch& batch) const;

  /// Moves the sentences whose turn it is into the batch. Call if
  /// `should_admit`.
  void admit(Batch& batch);

  /// Takes the youngest sentences out of the batch until the others' next step
  /// fits in memory. It may leave the batch empty.
  void make_step_fit(Batch& batch);

  /// Removes sentences that were cancelled or whose time is over.
  void remove_ended(Clock::time_point now);

  void clear() { waiting_.clear(); }

 private:
  // A request and its waiting sentences, the next one last.
  struct Waiting {
    std::shared_ptr<Request> request;
    std::vector<size_t> sentences;
    bool had_turn;

    SentenceRef next() const { return {request, sentences.back()}; }
  };
  // Sentences that are about to enter the batch together.
  struct Joining {
    std::vector<SentenceRef> sentences;
    int64_t rows = 0;
    int64_t source_tokens = 0;
    int64_t needed_bytes = 0;

    void add(const SentenceRef& sentence, const Batch& batch);
  };

  bool fits(const SentenceRef& sentence, const Batch& batch,
            const Joining& joining) const;
  void end_turn();
  void put_back(const SentenceRef& sentence);

  const ModelConfig& config_;
  const Limits limits_;
  std::deque<Waiting> waiting_;  // in the order of their turns, none empty
};

}  // namespace pyattn
