#include "engine/request.h"

#include <unistd.h>

#include <utility>

#include "base/check.h"
#include "base/threads.h"

namespace pyattn {

Request::Request(std::vector<Sentence> sentences, bool watched)
    : process_(getpid()),
      sentences_(std::move(sentences)),
      watched_(watched),
      start_(std::chrono::steady_clock::now()),
      dropped_(sentences_.size()),
      found_(sentences_.size()),
      reported_(sentences_.size()) {}

// In a forked child the lock may be held for ever, and what the request waits
// for does not live there.
void Request::check_process() const {
  check(process_ == getpid(), "generate",
        "it was asked for before a fork, in the parent process: ask again");
}

template <class Ready>
std::unique_lock<std::mutex> Request::wait_until(const Ready& ready,
                                                 const GoOn& go_on) {
  check_process();
  std::unique_lock<std::mutex> lock(mutex_);
  const auto over = [&] { return ready() || error_ || cancelled_; };
  while (!changed_.wait_for(lock, kWaitingSlice, over)) {
    lock.unlock();
    if (!go_on()) {
      throw Cancelled();
    }
    lock.lock();
  }
  if (!ready()) {
    if (error_) {
      std::rethrow_exception(error_);
    }
    check(false, "generate", "it was cancelled before this was done");
  }
  return lock;
}

bool Request::ready(size_t sentence) {
  check_process();
  std::lock_guard<std::mutex> lock(mutex_);
  return found_[sentence].has_value() || error_ || cancelled_;
}

void Request::wait(size_t sentence, const GoOn& go_on) {
  wait_until([&] { return found_[sentence].has_value(); }, go_on);
}

void Request::wait(const GoOn& go_on) {
  wait_until([&] { return complete(); }, go_on);
}

std::vector<Found> Request::take(size_t sentence) {
  check_process();
  std::lock_guard<std::mutex> lock(mutex_);
  check(found_[sentence].has_value(), "generate", "the sentence is not done");
  return *std::exchange(found_[sentence], std::vector<Found>());
}

std::optional<DecidedToken> Request::next_token(const GoOn& go_on) {
  const auto lock =
      wait_until([&] { return !tokens_.empty() || complete(); }, go_on);
  if (tokens_.empty()) {
    return std::nullopt;
  }
  const DecidedToken token = tokens_.front();
  tokens_.pop_front();
  return token;
}

std::chrono::steady_clock::time_point Request::deadline(size_t sentence) const {
  using Clock = std::chrono::steady_clock;
  const double seconds = sentences_[sentence].options->max_time;
  // Beyond this many, nothing that waits here will be there to see it.
  constexpr double kEver = 1e9;
  return seconds > kEver ? Clock::time_point::max()
                         : start_ + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
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
    tell(true);
  }
}

void Request::cancel() {
  cancelled_ = true;
  tell(true);
}

void Request::tell(bool over) {
  changed_.notify_all();
  std::shared_ptr<Announcements> hear;
  if (over) {
    std::lock_guard<std::mutex> lock(mutex_);
    hear = std::move(announcements_);  // once
  }
  if (hear != nullptr) {
    hear->add(name_);
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
  tell(over);
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
  tell(true);
}

}  // namespace pyattn
