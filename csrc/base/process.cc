#include "base/process.h"

#include <mutex>

#ifdef _WIN32
#include <process.h>
#else
#include <pthread.h>
#include <unistd.h>
#endif

namespace pyattn {
namespace {

std::mutex& fork_mutex() {
  static std::mutex mutex;
#ifndef _WIN32  // which forks no process
  static const int registered = pthread_atfork(
      [] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
  (void)registered;
#endif
  return mutex;
}

}  // namespace

int process_id() {
#ifdef _WIN32
  return _getpid();
#else
  return static_cast<int>(getpid());
#endif
}

ForkLock::ForkLock() { fork_mutex().lock(); }
ForkLock::~ForkLock() { fork_mutex().unlock(); }

}  // namespace pyattn
