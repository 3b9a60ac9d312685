#include "base/threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/cpu.h"
#include "base/crew.h"
#include "base/helpers.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace pyattn {
namespace {

// No machine has more for one process; a larger number is a mistake.
constexpr int kMostThreads = 1024;

struct Job {
  std::function<void()> body;
  const std::atomic<bool>& stop;
  bool done = false;
  std::exception_ptr error;
};

// Whether the job that this thread runs for a team is to stop; null on every
// other thread, the helpers included.
thread_local const std::atomic<bool>* current_stop = nullptr;

// Who shares this thread's loops, and on how many threads; null and 1 where
// loops are not shared: outside of a team, and inside of a loop that is.
thread_local Crew* current_crew = nullptr;
thread_local int job_threads = 1;

// A loop is cut into this many parts per thread: a thread that is slowed down
// by other programs then does fewer of them.
constexpr int kPartsPerThread = 4;

// While it lives, this thread's loops are shared with helpers.
class Leading {
 public:
  explicit Leading(Helpers& helpers) : helpers_(helpers) {
    if (helpers.size() > 0) {
      helpers.attend();
      current_crew = &helpers.crew();
      job_threads = helpers.size() + 1;
    }
  }
  ~Leading() {
    if (helpers_.size() > 0) {
      current_crew = nullptr;
      job_threads = 1;
      helpers_.rest();
    }
  }
  Leading(const Leading&) = delete;
  Leading& operator=(const Leading&) = delete;

 private:
  Helpers& helpers_;
};

}  // namespace

struct Team::Worker {
  explicit Worker(int threads) : helpers(threads - 1) {}

  ~Worker() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      closing = true;
    }
    wake.notify_all();
    if (thread.joinable()) {
      thread.join();
    }
  }

  void add(std::shared_ptr<Job> job) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!thread.joinable()) {
        thread = start_thread([this] { serve(); });
      }
      jobs.push_back(std::move(job));
    }
    wake.notify_one();
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return jobs.empty() ? closing : !led; });
      if (jobs.empty()) {
        return;
      }
      const std::shared_ptr<Job> job = std::move(jobs.front());
      jobs.pop_front();
      led = true;
      lock.unlock();
      current_stop = &job->stop;
      try {
        const Leading leading(helpers);
        job->body();
      } catch (...) {
        job->error = std::current_exception();
      }
      current_stop = nullptr;
      lock.lock();
      led = false;
      job->done = true;
      finished.notify_all();
    }
  }

  bool take_the_lead() {
    std::lock_guard<std::mutex> lock(mutex);
    return jobs.empty() && !std::exchange(led, true);
  }

  void leave_the_lead() {
    bool more = false;
    {
      std::lock_guard<std::mutex> lock(mutex);
      led = false;
      more = !jobs.empty();
    }
    if (more) {
      wake.notify_one();
    }
  }

  Helpers helpers;
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable finished;
  std::deque<std::shared_ptr<Job>> jobs;
  bool led = false;  // a job runs, here or on a caller's thread
  bool closing = false;
  std::thread thread;  // since the first job that is not a caller's
};

Team::Team(int threads) : threads_(std::max(threads, 1)) {}

Team::~Team() = default;

Team::Worker& Team::worker() {
  return worker_.get([this] { return std::make_unique<Worker>(threads_); });
}

void Team::run(const std::function<void()>& body,
               const KeepWaiting& keep_waiting) {
  Worker& to = worker();
  std::atomic<bool> stop{false};
  const auto job = std::make_shared<Job>(Job{body, stop, false, nullptr});
  to.add(job);
  std::unique_lock<std::mutex> lock(to.mutex);
  while (
      !to.finished.wait_for(lock, kWaitingSlice, [&] { return job->done; })) {
    lock.unlock();
    const bool more = keep_waiting();
    lock.lock();
    if (!more) {
      stop = true;
    }
  }
  lock.unlock();
  if (job->error) {
    std::rethrow_exception(job->error);
  }
}

bool Team::run_here(const std::function<void()>& body) {
  Worker& to = worker();
  if (!to.take_the_lead()) {
    return false;
  }
  struct Leave {
    ~Leave() { of.leave_the_lead(); }
    Worker& of;
  };
  const Leave leave{to};
  const FlushDenormals flush;
  const Leading leading(to.helpers);
  body();
  return true;
}

void Team::post(std::function<void()> body, const std::atomic<bool>& stop) {
  worker().add(
      std::make_shared<Job>(Job{std::move(body), stop, false, nullptr}));
}

bool Team::jobs_wait() {
  Worker& of = worker();
  std::lock_guard<std::mutex> lock(of.mutex);
  return !of.jobs.empty();
}

int parallel_width() { return job_threads; }

void detail::parallel_for(int64_t count, int64_t grain, void* body,
                          void (*call)(void*, int64_t, int64_t)) {
  if (current_stop != nullptr && *current_stop) {
    throw Cancelled();
  }
  const int64_t most = count / std::max<int64_t>(grain, 1);
  const int parts = static_cast<int>(std::clamp<int64_t>(
      most, 1, std::min(kPartsPerThread * job_threads, Crew::kMostParts)));
  if (parts > 1 && current_crew != nullptr) {
    // A part's own loops are not shared any further.
    Crew* const crew = std::exchange(current_crew, nullptr);
    const int threads = std::exchange(job_threads, 1);
    const auto restore = [&] {
      current_crew = crew;
      job_threads = threads;
    };
    try {
      crew->lead(count, parts, body, call);
    } catch (...) {
      restore();
      throw;
    }
    restore();
    return;
  }
  if (count > 0) {
    call(body, 0, count);
  }
}

namespace {

#ifdef __linux__
// The quota of the cgroup that this process sees as its own, in CPUs; 0 if
// there is none. Version 2 keeps "quota period" in one file, version 1 in two.
double cgroup_quota() {
  std::string quota;
  double period = 0;
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  if (v2 >> quota >> period) {
    return quota == "max" || period <= 0 ? 0
                                         : std::atof(quota.c_str()) / period;
  }
  std::ifstream quota_v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_v1("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double allowed = 0;
  if (quota_v1 >> allowed && period_v1 >> period && allowed > 0 && period > 0) {
    return allowed / period;
  }
  return 0;
}
#endif

}  // namespace

int available_threads() {
  int threads = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    threads = CPU_COUNT(&set);
  }
  const double quota = cgroup_quota();
  if (quota > 0) {
    threads = std::min(threads, static_cast<int>(quota + 0.999));
  }
#endif
  return std::max(threads, 1);
}

int default_threads() {
  const char* set = std::getenv("PYATTN_NUM_THREADS");
  if (set == nullptr || *set == '\0') {
    return available_threads();
  }
  char* end = nullptr;
  const long threads = std::strtol(set, &end, 10);
  check(*end == '\0' && threads >= 1 && threads <= kMostThreads,
        "PYATTN_NUM_THREADS", "expected a whole number from 1 to 1024");
  return static_cast<int>(threads);
}

}  // namespace pyattn
