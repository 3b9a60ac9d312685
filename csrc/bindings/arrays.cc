#include "bindings/arrays.h"

#include "base/cpu.h"
#include "kernels/dispatch.h"

namespace pyattn::bindings {
namespace {

// Below this many multiply-adds an operation costs less than waking a thread to
// share it with, about 20 us.
constexpr int64_t kSmallWork = 1024 * 1024;

// To hand an operation over to the team's thread only serves Ctrl-C, which may
// wait for this many: 10 ms or less.
constexpr int64_t kShortWork = 256 * kSmallWork;

Team& operations_team() {
  // Never destroyed: at exit its thread may not be joined any more.
  static Team* team = new Team(default_threads());
  return *team;
}

py::array float_array(const char* operation, const char* name,
                      py::handle object) {
  if (!py::isinstance<py::array>(object)) {
    throw py::type_error(std::string(operation) + ": " + name + " is " +
                         Py_TYPE(object.ptr())->tp_name +
                         ", expected a float32 array");
  }
  const py::array array = py::reinterpret_borrow<py::array>(object);
  if (!py::dtype::of<float>().is(array.dtype()) &&
      !array.dtype().equal(py::dtype::of<float>())) {
    throw py::type_error(std::string(operation) + ": " + name + " has dtype " +
                         std::string(py::str(array.dtype())) +
                         ", expected float32");
  }
  return array;
}

// Whether no element lies across the boundary of a float, as in a view of
// bytes or a field of a packed record.
bool aligned(const py::array& array) {
  return (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

py::array copy(const py::array& array) {
  py::array copied;
  outlive_python([&] {  // NumPy lets go of the GIL while it copies
    copied =
        py::array_t<float, py::array::c_style | py::array::forcecast |
                               py::detail::npy_api::NPY_ARRAY_ALIGNED_>(array);
  });
  return copied;
}

}  // namespace

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

Shape shape_of(const py::array& array) {
  return Shape(array.shape(), array.shape() + array.ndim());
}

py::array floats(const char* operation, const char* name, py::handle object) {
  py::array array = float_array(operation, name, object);
  const py::ssize_t axes = array.ndim();
  const bool touching =
      axes == 0 || array.shape(axes - 1) <= 1 ||
      array.strides(axes - 1) == static_cast<py::ssize_t>(sizeof(float));
  return touching && aligned(array) ? array : copy(array);
}

py::array dense_floats(const char* operation, const char* name,
                       py::handle object) {
  py::array array = float_array(operation, name, object);
  const bool dense = (array.flags() & py::array::c_style) != 0;
  return dense && aligned(array) ? array : copy(array);
}

void check_shape(const char* operation, const char* name,
                 const py::array& array, const Shape& expected) {
  check_that(shape_of(array) == expected, operation, [&] {
    return std::string(name) + " has shape " + shape_text(shape_of(array)) +
           ", expected " + shape_text(expected);
  });
}

int64_t leading(const py::array& array) {
  int64_t rows = 1;
  for (py::ssize_t axis = 0; axis + 1 < array.ndim(); ++axis) {
    rows *= array.shape(axis);
  }
  return rows;
}

int64_t last(const char* operation, const py::array& x) {
  check(x.ndim() >= 1, operation, "x has no axis, expected at least one");
  return x.shape(x.ndim() - 1);
}

py::array_t<float> new_floats(const Shape& shape) {
  return py::array_t<float>(shape);
}

const KernelTable& table_of(const char* operation, py::handle isa) {
  return isa.is_none() ? default_kernels()
                       : kernels_named(argument<std::string>(operation, "isa",
                                                             "a string", isa));
}

void run_operation(int64_t work, const std::function<void()>& job) {
  const bool alone = operations_team().size() == 1;
  if (work < (alone ? kShortWork : kSmallWork)) {
    const WithoutGil released;
    const FlushDenormals flush;
    job();
    return;
  }
  if (work < kShortWork) {
    const WithoutGil released;
    if (operations_team().run_here(job)) {
      return;
    }
  }
  run_without_gil([&job](const KeepWaiting& keep_waiting) {
    operations_team().run(job, keep_waiting);
  });
}

void run_without_gil(
    const std::function<void(const KeepWaiting& keep_waiting)>& job) {
  bool raised = false;
  try {
    WithoutGil released;
    job([&] {
      released.with_gil([&] { raised = raised || PyErr_CheckSignals() != 0; });
      return !raised;
    });
  } catch (const Cancelled&) {
    if (!raised) {
      throw;
    }
  }
  if (raised) {
    throw py::error_already_set();
  }
}

}  // namespace pyattn::bindings
