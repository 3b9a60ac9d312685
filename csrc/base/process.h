#pragma once

#include <memory>

namespace pyattn {

/// The number of this process, which a forked child does not share.
int process_id();

/// While it lives no other thread holds one, and no thread forks: what it
/// guards is whole in a forked child.
class ForkLock {
 public:
  ForkLock();
  ~ForkLock();
  ForkLock(const ForkLock&) = delete;
  ForkLock& operator=(const ForkLock&) = delete;
};

/// Holds something that lives with its process: threads, or locks and queues
/// that threads work on. A forked child has no threads, and locks as they
/// happened to be, so it makes its own and abandons what it was born with,
/// which it may not even destroy.
template <class T>
class PerProcess {
 public:
  PerProcess() = default;
  ~PerProcess() {
    if (process_ != process_id()) {
      (void)held_.release();
    }
  }
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;

  /// What this process holds; `make()` makes it when there is nothing yet.
  template <class Make>
  T& get(const Make& make) {
    const ForkLock lock;
    if (process_ != process_id()) {
      (void)held_.release();
      process_ = process_id();
    }
    if (held_ == nullptr) {
      held_ = make();
    }
    return *held_;
  }

  /// What this process holds; null if it has made nothing yet.
  T* mine() const { return process_ == process_id() ? held_.get() : nullptr; }

 private:
  int process_ = process_id();
  std::unique_ptr<T> held_;
};

}  // namespace pyattn
