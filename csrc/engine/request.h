#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "search/search.h"

namespace pyattn {

using Sequence = std::vector<int32_t>;

/// Asked every few milliseconds by a waiting thread; no means stop, and the
/// call throws Cancelled. Must not throw.
using GoOn = std::function<bool()>;

/// A sentence to translate.
struct Sentence {
  Sequence source;
  std::shared_ptr<const SearchOptions> options;
  /// The only ids that its target may have, ascending, the end among them; null
  /// is all. Sentences that share the object share the columns that are copied
  /// for it.
  std::shared_ptr<const Sequence> shortlist = nullptr;
};

/// A token that will not change any more.
struct DecidedToken {
  size_t sentence;
  int32_t step;  // from 0
  int32_t token;
  float score;
  bool last;
};

/// Names of requests that are over, for one thread to wait for all of them.
class Announcements {
 public:
  void add(int64_t name);
  /// The next one; waits for it, for ever if need be.
  int64_t next();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int64_t> names_;
};

/// Sentences on their way through an engine, shared between who waits for them
/// and the engine, which takes from it what it works on: whoever is tired of
/// waiting goes away, and the engine finds out.
class Request {
 public:
  /// `watched`: whether anybody will ask for `next_token`.
  Request(std::vector<Sentence> sentences, bool watched);

  const std::vector<Sentence>& sentences() const { return sentences_; }

  // For those who wait. Whatever waits throws what the engine failed with, if
  // it did, Cancelled when told to go no further, and ArgumentError if somebody
  // else has cancelled the request.

  /// Sentences that are done, and whether all are.
  int64_t done() const { return done_; }
  bool complete() const {
    return done_ == static_cast<int64_t>(sentences_.size());
  }

  /// Whether a sentence is done: nobody would have to wait for it.
  bool ready(size_t sentence);

  /// Waits for a sentence, or for all of them.
  void wait(size_t sentence, const GoOn& go_on);
  void wait(const GoOn& go_on);

  /// What was found for a sentence that is done. Call once for each.
  std::vector<Found> take(size_t sentence);

  /// The next token of any of the sentences; nothing when all are done.
  std::optional<DecidedToken> next_token(const GoOn& go_on);

  /// Has `announcements` hear of `name` once nobody would have to wait: all of
  /// it is done, has failed or was cancelled.
  void announce(std::shared_ptr<Announcements> announcements, int64_t name);

  /// Tells the engine that a sentence, or nothing of it, is wanted any more.
  void cancel(size_t sentence) { dropped_[sentence] = true; }
  void cancel();

  // For the engine.

  bool cancelled() const { return cancelled_; }
  bool cancelled(size_t sentence) const { return dropped_[sentence]; }
  /// When the time of a sentence is over.
  std::chrono::steady_clock::time_point deadline(size_t sentence) const;

  void deliver(size_t sentence, std::vector<Found> found);
  /// Reports what is new among the tokens of a sentence, if anybody watches.
  void report(size_t sentence, const Decided& decided, bool last);
  /// Ends all of it. An engine works on it no longer.
  void fail(std::exception_ptr error);

 private:
  void check_process() const;
  /// Wakes whoever waits; call without the lock.
  void tell(bool over);

  /// Waits until `ready()`, which is asked under the lock.
  template <class Ready>
  std::unique_lock<std::mutex> wait_until(const Ready& ready,
                                          const GoOn& go_on);

  const pid_t process_;
  const std::vector<Sentence> sentences_;
  const bool watched_;
  const std::chrono::steady_clock::time_point start_;
  std::atomic<bool> cancelled_{false};
  std::vector<std::atomic<bool>> dropped_;
  std::atomic<int64_t> done_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<std::vector<Found>>> found_;
  std::deque<DecidedToken> tokens_;
  // [sentences]: tokens that were reported. A sentence that is started again
  // says the same again.
  std::vector<size_t> reported_;
  std::exception_ptr error_;
  std::shared_ptr<Announcements> announcements_;  // null: nobody is to hear
  int64_t name_ = 0;
};

}  // namespace pyattn
