#include "base/helpers.h"

#include <system_error>

#include "base/cpu.h"

#ifdef __linux__
#include <pthread.h>
#endif

namespace pyattn {

Helpers::Helpers(int count) {
  threads_.reserve(static_cast<size_t>(count > 0 ? count : 0));
  try {
    for (int helper = 0; helper < count; ++helper) {
      threads_.emplace_back([this] { serve(); });
    }
  } catch (const std::system_error&) {
    // The process may have no more threads: loops are shared by fewer.
  }
}

Helpers::~Helpers() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Helpers::run(const std::function<void(Crew&)>& job) {
  Crew crew;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    crew_ = &crew;
    job_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  // Helpers must have left the crew before it goes, however the job ends.
  struct Leave {
    ~Leave() {
      crew.dismiss();
      std::unique_lock<std::mutex> lock(of.mutex_);
      of.crew_ = nullptr;
      of.left_.wait(lock, [this] { return of.inside_ == 0; });
    }
    Helpers& of;
    Crew& crew;
  };
  const Leave leave{*this, crew};
  job(crew);
}

void Helpers::serve() {
  name_this_thread();
  const FlushDenormals flush;
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock,
               [&] { return closing_ || (crew_ != nullptr && job_ != seen); });
    if (closing_) {
      return;
    }
    Crew& crew = *crew_;
    seen = job_;
    ++inside_;
    lock.unlock();
    crew.help();
    lock.lock();
    if (--inside_ == 0) {
      left_.notify_one();
    }
    lock.unlock();
    for (int spin = 0;
         spin < kSpins && job_.load(std::memory_order_acquire) == seen;
         ++spin) {
      pause_spinning();
    }
    lock.lock();
  }
}

void name_this_thread() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "pyattn");
#endif
}

}  // namespace pyattn
