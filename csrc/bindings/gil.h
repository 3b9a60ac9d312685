#pragma once

#include <pybind11/pybind11.h>

#include <exception>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace pyattn::bindings {

/// Sleeps for ever.
[[noreturn]] void sleep_until_exit();

/// Runs `job`, in which Python may end this thread. An interpreter that
/// finalises does so, before Python 3.14, to every other thread that wants the
/// GIL: pthread_exit() unwinds the stack, and where a destructor is on its way,
/// none of which may throw, the whole process aborts. The thread sleeps
/// instead until the process is over, as it does from Python 3.14 on. (Other
/// C libraries than GNU's end a thread without unwinding.)
template <class Job>
void outlive_python(const Job& job) {
#ifdef __GLIBCXX__
  try {
    job();
  } catch (const abi::__forced_unwind&) {
    sleep_until_exit();  // to leave this block without `throw;` would abort
  }
#else
  // LLVM's C++ library shows such an unwinding to destructors only, and counts
  // it among no exceptions.
  struct Unwound {
    ~Unwound() {
      if (!over && std::uncaught_exceptions() == before) {
        sleep_until_exit();
      }
    }
    const int before = std::uncaught_exceptions();
    bool over = false;
  };
  Unwound unwound;
  job();
  unwound.over = true;
#endif
}

/// What a Python function returns. Its arguments live here and not in the call,
/// where they would be destroyed without the GIL.
pybind11::object call_python(pybind11::handle function,
                             const pybind11::tuple& arguments);

/// Lets other threads have the GIL while it lives; pybind11's
/// gil_scoped_release aborts where the interpreter finalises meanwhile.
class WithoutGil {
 public:
  WithoutGil() : thread_(PyEval_SaveThread()) {}
  ~WithoutGil() { take(); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

  /// Runs `job`, which must not throw, with the GIL.
  template <class Job>
  void with_gil(const Job& job) {
    take();
    outlive_python(job);
    thread_ = PyEval_SaveThread();
  }

 private:
  void take() {
    outlive_python([&] { PyEval_RestoreThread(thread_); });
  }

  PyThreadState* thread_;
};

}  // namespace pyattn::bindings
