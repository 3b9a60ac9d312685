#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/threads.h"
#include "bindings/gil.h"
#include "kernels/table.h"

// NumPy arrays in and out, checked: dtype, shape and order. No arithmetic.
namespace pyattn::bindings {

namespace py = pybind11;

using Shape = std::vector<int64_t>;

/// "[2, 3]".
std::string shape_text(const Shape& shape);
Shape shape_of(const py::array& array);

/// The array if its elements are aligned and its last axis is contiguous (any
/// order elsewhere), else a C-ordered copy of it. Throws TypeError for anything
/// but a float32 array.
py::array floats(const char* operation, const char* name, py::handle object);

/// The same, C-ordered in every axis.
py::array dense_floats(const char* operation, const char* name,
                       py::handle object);

/// Throws "operation: name has shape X, expected Y" unless they agree.
void check_shape(const char* operation, const char* name,
                 const py::array& array, const Shape& expected);

/// Rows of an array whose leading axes are taken as one: [..., dim].
int64_t leading(const py::array& array);

/// The length of x's last axis; throws if it has none.
int64_t last(const char* operation, const py::array& x);

/// `object` as a T; pybind11's own complaint would show every argument, arrays
/// included.
template <class T>
T argument(const char* operation, const char* name, const char* expected,
           py::handle object) {
  try {
    return object.cast<T>();
  } catch (const py::cast_error&) {
    throw py::type_error(std::string(operation) + ": " + name + " is " +
                         Py_TYPE(object.ptr())->tp_name + ", expected " +
                         expected);
  }
}

/// An attribute of a Python object that was validated in Python.
template <class T>
T field(py::handle object, const char* name) {
  return object.attr(name).cast<T>();
}

/// A new C-ordered float32 array.
py::array_t<float> new_floats(const Shape& shape);

inline const float* data_of(const py::array& array) {
  return static_cast<const float*>(array.data());
}

/// The kernels of the level `isa`, which is a string or None for the best.
const KernelTable& table_of(const char* operation, py::handle isa);

/// Runs `job` without the GIL: on this thread if it is small, with the helpers
/// of the team for this module's operations if it takes less than Ctrl-C may
/// wait, or else on that team's thread. `work` counts multiply-adds.
void run_operation(int64_t work, const std::function<void()>& job);

/// Runs `job(keep_waiting)` without the GIL. `keep_waiting`, which the job
/// calls now and then on this thread, returns false once a signal, above all
/// Ctrl-C, has raised an exception, which is then thrown here.
void run_without_gil(
    const std::function<void(const KeepWaiting& keep_waiting)>& job);

}  // namespace pyattn::bindings
