#include "base/process.h"

#include <pthread.h>

#include <mutex>

namespace pyattn {
namespace {

std::mutex& fork_mutex() {
  static std::mutex mutex;
  static const int registered = pthread_atfork(
      [] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
  (void)registered;
  return mutex;
}

}  // namespace

ForkLock::ForkLock() { fork_mutex().lock(); }
ForkLock::~ForkLock() { fork_mutex().unlock(); }

}  // namespace pyattn
