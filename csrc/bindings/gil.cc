#include "bindings/gil.h"

#include <chrono>
#include <thread>

namespace pyattn::bindings {

void sleep_until_exit() {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

pybind11::object call_python(pybind11::handle function,
                             const pybind11::tuple& arguments) {
  PyObject* result = nullptr;
  outlive_python([&] {
    result = PyObject_Call(function.ptr(), arguments.ptr(), nullptr);
  });
  if (result == nullptr) {
    throw pybind11::error_already_set();
  }
  return pybind11::reinterpret_steal<pybind11::object>(result);
}

}  // namespace pyattn::bindings
