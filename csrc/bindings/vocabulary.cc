// ops/vocabulary.h for NumPy.
#include "ops/vocabulary.h"

#include <algorithm>

#include "bindings/arrays.h"
#include "bindings/bindings.h"

namespace pyattn::bindings {
namespace {

// Ids of columns, [any]; None is no ids.
std::vector<int32_t> ids_of(const char* operation, const char* name,
                            py::handle object, int64_t columns) {
  if (object.is_none()) {
    return {};
  }
  // Of any type at first: asking for integers would round numbers down.
  const py::array given = py::array::ensure(object);
  const bool empty = given && given.size() == 0;
  if (!given ||
      (!empty && given.dtype().kind() != 'i' && given.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) + ": " + name +
                         " is not an array of integers");
  }
  check_that(given.ndim() == 1, operation, [&] {
    return std::string(name) + " has shape " + shape_text(shape_of(given)) +
           ", expected [any]";
  });
  const py::array_t<int64_t, py::array::c_style | py::array::forcecast> array(
      given);
  std::vector<int32_t> ids;
  ids.reserve(static_cast<size_t>(array.size()));
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    const int64_t id = array.data()[i];
    check_that(id >= 0 && id < columns, operation, [&] {
      return std::string(name) + " has " + std::to_string(id) +
             ", expected 0 to " + std::to_string(columns - 1);
    });
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

py::tuple run_best_tokens(py::handle x_object, py::handle packed_object,
                          py::handle k_object, py::handle suppressed) {
  const char* operation = "best_tokens";
  const py::array x = dense_floats(operation, "x", x_object);
  const auto& packed = argument<const PackedLinear&>(
      operation, "packed", "what pack returns", packed_object);
  check_that(last(operation, x) == packed.in(), operation, [&] {
    return "x has shape " + shape_text(shape_of(x)) +
           ", expected a last axis of " + std::to_string(packed.in());
  });
  const int64_t k = argument<int64_t>(operation, "k", "an integer", k_object);
  check_that(k >= 1, operation, [&] {
    return "k is " + std::to_string(k) + ", expected 1 or more";
  });
  Forbidden forbidden;
  forbidden.always = ids_of(operation, "suppressed", suppressed, packed.out());
  std::sort(forbidden.always.begin(), forbidden.always.end());

  const int64_t rows = leading(x);
  Candidates best;
  run_operation(rows * packed.in() * packed.out(), [&] {
    best_tokens(packed, {data_of(x), packed.in()}, rows, k, forbidden, best);
  });
  Shape shape = shape_of(x);
  shape.back() = best.k;
  py::array_t<int32_t> ids(shape);
  py::array_t<float> log_probs = new_floats(shape);
  std::copy(best.ids.begin(), best.ids.end(), ids.mutable_data());
  std::copy(best.log_probs.begin(), best.log_probs.end(),
            log_probs.mutable_data());
  return py::make_tuple(ids, log_probs);
}

}  // namespace

void bind_vocabulary(py::module_& module) {
  module.def("best_tokens", &run_best_tokens, py::arg("x"), py::arg("packed"),
             py::arg("k"), py::arg("suppressed"));
}

}  // namespace pyattn::bindings
