#include "base/helpers.h"

#include <atomic>
#include <system_error>
#include <utility>

#include "base/cpu.h"
#include "base/threads.h"

#ifndef _WIN32
#include <pthread.h>
#include <signal.h>
#endif

namespace pyattn {
namespace {

// Of this process, and in a forked child of its ancestors: children that were
// forked to share the machine look out for nothing.
std::atomic<int> helpers_alive{0};

#ifdef _WIN32
struct SignalsOfOthers {};
#else
// While it lives, this thread takes no signal, and the threads that it starts
// take none ever. A program that waits for a signal (sigwait) blocks it in its
// own threads, and in any other it would end the process. What a thread raises
// itself and what profilers send are not for others.
class SignalsOfOthers {
 public:
  SignalsOfOthers() {
    sigset_t others;
    sigfillset(&others);
    for (const int own :
         {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
      sigdelset(&others, own);
    }
    pthread_sigmask(SIG_BLOCK, &others, &before_);
  }
  ~SignalsOfOthers() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsOfOthers(const SignalsOfOthers&) = delete;
  SignalsOfOthers& operator=(const SignalsOfOthers&) = delete;

 private:
  sigset_t before_;
};
#endif

}  // namespace

Helpers::Helpers(int count) : cpus_(available_threads()) {
  threads_.reserve(static_cast<size_t>(count > 0 ? count : 0));
  try {
    for (int helper = 0; helper < count; ++helper) {
      threads_.push_back(start_thread([this] { crew_.help(); }));
    }
  } catch (const std::system_error&) {
    // The process may have no more threads: loops are shared by fewer.
  }
  helpers_alive += size();
}

Helpers::~Helpers() {
  helpers_alive -= size();
  crew_.dismiss();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Helpers::rest() { crew_.set_patient(helpers_alive < cpus_); }

void Helpers::attend() { crew_.set_patient(false); }

std::thread start_thread(std::function<void()> work) {
  [[maybe_unused]] const SignalsOfOthers signals;
  return std::thread([work = std::move(work)] {
#ifdef __linux__
    pthread_setname_np(pthread_self(), "pyattn");
#endif
    const FlushDenormals flush;
    work();
  });
}

}  // namespace pyattn
