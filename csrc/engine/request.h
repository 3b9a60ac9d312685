#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/threads.h"
#include "model/config.h"
#include "model/source.h"
#include "search/search.h"

namespace pyattn {

using Sequence = std::vector<int32_t>;
using Clock = std::chrono::steady_clock;

/// A sentence to translate.
struct Sentence {
  Source source;
  std::shared_ptr<const SearchOptions> options;
  /// The only ids that the target may contain, ascending, the end among them;
  /// null allows all. Sentences with the same object share the columns of the
  /// vocabulary that are copied for it.
  std::shared_ptr<const Sequence> shortlist = nullptr;
};

/// A token of a target that no later step changes.
struct DecidedToken {
  size_t sentence;
  int32_t step;  // from 0
  int32_t token;
  float score;
  bool last;
};

/// The names of finished requests, in the order in which they finished: one
/// thread waits here for any number of requests. Thread-safe.
class Announcements {
 public:
  void add(int64_t name);
  /// Waits for the next name, without a time limit.
  int64_t next();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int64_t> names_;  // guarded by mutex_
};

/// The sentences of one call, and what an engine finds for them. Caller and
/// engine share it, and the engine writes to nothing else that is the caller's,
/// so a caller may stop waiting at any time.
///
/// Thread-safe: any thread may call the methods for callers, at any time; only
/// the runner's job calls those for the engine.
class Request {
 public:
  /// `watched`: whether the caller will use `next_token`.
  Request(std::vector<Sentence> sentences, bool watched);

  const std::vector<Sentence>& sentences() const { return sentences_; }

  // For callers. Methods that wait throw the error with which the engine failed
  // the request, Cancelled when `keep_waiting` returns false, and ArgumentError
  // if another thread cancels the request.

  /// The number of finished sentences, and whether all are.
  int64_t done() const { return done_; }
  bool complete() const {
    return done_ == static_cast<int64_t>(sentences_.size());
  }

  /// Whether `wait` for a sentence would return or throw at once.
  bool ready(size_t sentence);

  /// Waits for a sentence, or for all of them.
  void wait(size_t sentence, const KeepWaiting& keep_waiting);
  void wait(const KeepWaiting& keep_waiting);

  /// The targets of a finished sentence. Call once for each sentence.
  std::vector<Found> take(size_t sentence);

  /// Waits for the next token of any sentence; nothing once all are finished.
  std::optional<DecidedToken> next_token(const KeepWaiting& keep_waiting);

  /// Adds `name` to `announcements` once the request is finished, failed or
  /// cancelled. Call at most once.
  void announce(std::shared_ptr<Announcements> announcements, int64_t name);

  /// Ends a sentence with what was found for it so far.
  void cancel(size_t sentence) { sentence_cancelled_[sentence] = true; }
  /// Ends the whole request, without results for unfinished sentences.
  void cancel();

  // For the engine.

  bool cancelled() const { return cancelled_; }
  /// Whether the search for a sentence is to end now: it was cancelled, or its
  /// time is over.
  bool must_end(size_t sentence, Clock::time_point now) const;

  void deliver(size_t sentence, std::vector<Found> found);
  /// Publishes tokens of a sentence that were decided since the last call, if
  /// the request is watched.
  void report(size_t sentence, const Decided& decided, bool last);
  /// Ends the request: callers that wait throw `error`.
  void fail(std::exception_ptr error);

 private:
  void check_process() const;
  Clock::time_point deadline(size_t sentence) const;
  /// Wakes callers; call without the lock. `over`: nothing more will happen.
  void notify(bool over);

  /// Waits until `ready()`, which is called under the lock.
  template <class Ready>
  std::unique_lock<std::mutex> wait_until(const Ready& ready,
                                          const KeepWaiting& keep_waiting);

  const int process_;
  const std::vector<Sentence> sentences_;
  const bool watched_;
  const Clock::time_point start_;
  std::atomic<bool> cancelled_{false};
  std::vector<std::atomic<bool>> sentence_cancelled_;
  std::atomic<int64_t> done_{0};

  // [sentences]: how many tokens were published. The engine's alone. A sentence
  // that starts again, for want of memory, decides the same tokens again.
  std::vector<size_t> reported_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::optional<std::vector<Found>>> found_;
  std::deque<DecidedToken> tokens_;
  std::exception_ptr error_;
  std::shared_ptr<Announcements> announcements_;  // null: none, or served
  int64_t name_ = 0;
};

/// A sentence of a request on its way through the engine.
struct SentenceRef {
  std::shared_ptr<Request> request;
  size_t index;

  const Sentence& sentence() const { return request->sentences()[index]; }
  int64_t source_tokens() const {
    return static_cast<int64_t>(sentence().source.ids.size());
  }
  /// The most rows that its search takes in a step.
  int32_t width() const { return search_width(*sentence().options); }

  /// A search for its target from the beginning.
  std::unique_ptr<Search> new_search(const ModelConfig& config) const;

  bool must_end(Clock::time_point now) const {
    return request->must_end(index, now);
  }
  /// Delivers what `search` has found so far, unless the whole request was
  /// cancelled.
  void deliver_unfinished(Search& search) const;
};

}  // namespace pyattn
