#include "engine/request.h"

#include <utility>

#include "base/check.h"
#include "base/process.h"
#include "base/threads.h"

namespace pyattn {

Request::Request(std::vector<Sentence> sentences, bool watched)
    : process_(process_id()),
      sentences_(std::move(sentences)),
      watched_(watched),
      start_(Clock::now()),
      sentence_cancelled_(sentences_.size()),
      reported_(sentences_.size()),
      found_(sentences_.size()) {}

// In a forked child the lock may stay locked for ever, and the engine's thread
// does not exist.
void Request::check_process() const {
  check(process_ == process_id(), "generate",
        "the request was submitted before fork(), in the parent process: "
        "submit it again");
}

template <class Ready>
std::unique_lock<std::mutex> Request::wait_until(
    const Ready& ready, const KeepWaiting& keep_waiting) {
  check_process();
  std::unique_lock<std::mutex> lock(mutex_);
  const auto over = [&] { return ready() || error_ || cancelled_; };
  while (!changed_.wait_for(lock, kWaitingSlice, over)) {
    lock.unlock();
    if (!keep_waiting()) {
      throw Cancelled();
    }
    lock.lock();
  }
  if (!ready()) {
    if (error_) {
      std::rethrow_exception(error_);
    }
    check(false, "generate", "the request was cancelled before this was done");
  }
  return lock;
}

bool Request::ready(size_t sentence) {
  check_process();
  std::lock_guard<std::mutex> lock(mutex_);
  return found_[sentence].has_value() || error_ || cancelled_;
}

void Request::wait(size_t sentence, const KeepWaiting& keep_waiting) {
  wait_until([&] { return found_[sentence].has_value(); }, keep_waiting);
}

void Request::wait(const KeepWaiting& keep_waiting) {
  wait_until([&] { return complete(); }, keep_waiting);
}

std::vector<Found> Request::take(size_t sentence) {
  check_process();
  std::lock_guard<std::mutex> lock(mutex_);
  check(found_[sentence].has_value(), "generate", "the sentence is not done");
  return *std::exchange(found_[sentence], std::vector<Found>());
}

std::optional<DecidedToken> Request::next_token(
    const KeepWaiting& keep_waiting) {
  const auto lock =
      wait_until([&] { return !tokens_.empty() || complete(); }, keep_waiting);
  if (tokens_.empty()) {
    return std::nullopt;
  }
  const DecidedToken token = tokens_.front();
  tokens_.pop_front();
  return token;
}

Clock::time_point Request::deadline(size_t sentence) const {
  const double seconds = sentences_[sentence].options->max_time;
  // More than 30 years are no limit, and might overflow the clock.
  constexpr double kNoLimit = 1e9;
  return seconds > kNoLimit
             ? Clock::time_point::max()
             : start_ + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(seconds));
}

bool Request::must_end(size_t sentence, Clock::time_point now) const {
  return cancelled_ || sentence_cancelled_[sentence] ||
         now >= deadline(sentence);
}

void Announcements::add(int64_t name) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    names_.push_back(name);
  }
  changed_.notify_one();
}

int64_t Announcements::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return !names_.empty(); });
  const int64_t name = names_.front();
  names_.pop_front();
  return name;
}

void Request::announce(std::shared_ptr<Announcements> announcements,
                       int64_t name) {
  check_process();
  bool over;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    announcements_ = std::move(announcements);
    name_ = name;
    over = complete() || cancelled_;
  }
  if (over) {
    notify(true);
  }
}

void Request::cancel() {
  cancelled_ = true;
  notify(true);
}

void Request::notify(bool over) {
  changed_.notify_all();
  if (!over) {
    return;
  }
  std::shared_ptr<Announcements> announcements;
  int64_t name;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    announcements = std::move(announcements_);  // once
    name = name_;
  }
  if (announcements != nullptr) {
    announcements->add(name);
  }
}

void Request::deliver(size_t sentence, std::vector<Found> found) {
  bool over;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    found_[sentence] = std::move(found);
    ++done_;
    over = complete();
  }
  notify(over);
}

void Request::report(size_t sentence, const Decided& decided, bool last) {
  size_t& reported = reported_[sentence];
  const size_t count = decided.tokens.size();
  if (!watched_ || reported >= count) {
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (; reported < count; ++reported) {
      tokens_.push_back({sentence, static_cast<int32_t>(reported),
                         decided.tokens[reported], decided.scores[reported],
                         last && reported + 1 == count});
    }
  }
  changed_.notify_all();
}

void Request::fail(std::exception_ptr error) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
    cancelled_ = true;
  }
  notify(true);
}

std::unique_ptr<Search> SentenceRef::new_search(
    const ModelConfig& config) const {
  SearchTask task = {sentence().options, config.start, config.end,
                     sentence().source.ids};
  if (!config.has_encoder()) {
    task.prompted = true;
    task.most_tokens =
        static_cast<int32_t>(config.decoder.max_positions - source_tokens()) -
        sentence().options->certain_prefix();
  }
  return make_search(task);
}

void SentenceRef::deliver_unfinished(Search& search) const {
  if (!request->cancelled()) {
    search.stop();
    request->deliver(index, search.results());
  }
}

}  // namespace pyattn
