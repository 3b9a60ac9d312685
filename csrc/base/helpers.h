#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/crew.h"

namespace pyattn {

/// Threads that help in the loops of one crew, from one job to the next.
class Helpers {
 public:
  /// Starts `count` threads, or as many as the system grants.
  explicit Helpers(int count);
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }

  /// For one leader at a time.
  Crew& crew() { return crew_; }

  /// The leader's, between jobs and at the begin of one. Helpers look out for
  /// the next job if all that this process has, of every model, and one leader
  /// find a CPU of their own; otherwise they would be in its way.
  void rest();
  void attend();

 private:
  const int cpus_;
  Crew crew_;
  std::vector<std::thread> threads_;
};

/// Starts a thread that bears the library's name, which debuggers and `top`
/// show, counts denormal numbers as zero, and leaves signals to the program's
/// own threads. Throws std::system_error if the system grants none.
std::thread start_thread(std::function<void()> work);

}  // namespace pyattn
