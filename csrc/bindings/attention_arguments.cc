#include "bindings/attention_arguments.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace pyattn::bindings {
namespace {

// A cap whose inverse is a normal number.
constexpr float kLeastCap = 1e-30F;
constexpr float kMostCap = 1e30F;

}  // namespace

void check_by_heads(const char* operation, const py::array& q,
                    const py::array& k, const py::array& v) {
  for (const auto& [name, array] :
       {std::pair{"q", &q}, std::pair{"k", &k}, std::pair{"v", &v}}) {
    check_that(array->ndim() == 4, operation, [&] {
      return std::string(name) + " has shape " + shape_text(shape_of(*array)) +
             ", expected [batch, heads, time, head_dim]";
    });
  }
}

std::vector<int64_t> lengths_of(const char* operation, py::handle object,
                                int64_t batch, int64_t time_k) {
  // Of any type at first: asking for integers would round numbers down.
  const py::array given = py::array::ensure(object);
  if (!given || (given.dtype().kind() != 'i' && given.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) +
                         ": lengths is not an array of integers");
  }
  check_shape(operation, "lengths", given, {batch});
  const py::array_t<int64_t, py::array::c_style | py::array::forcecast> array(
      given);
  std::vector<int64_t> lengths(array.data(), array.data() + array.size());
  for (const int64_t length : lengths) {
    check_that(length >= 0 && length <= time_k, operation, [&] {
      return "lengths has " + std::to_string(length) + ", expected 0 to " +
             std::to_string(time_k);
    });
  }
  return lengths;
}

float scale_of(const char* operation, py::handle scale, int64_t head_dim) {
  return scale.is_none()
             ? 1.0F / std::sqrt(static_cast<float>(head_dim))
             : argument<float>(operation, "scale", "a number", scale);
}

float soft_cap_of(const char* operation, py::handle soft_cap) {
  if (soft_cap.is_none()) {
    return 0.0F;
  }
  const float cap =
      argument<float>(operation, "soft_cap", "a number", soft_cap);
  check(cap >= kLeastCap && cap <= kMostCap, operation,
        "soft_cap is out of range, expected 1e-30 to 1e30");
  return cap;
}

int64_t window_of(const char* operation, py::handle window, int64_t most) {
  if (window.is_none()) {
    return 0;
  }
  const int64_t wanted =
      argument<int64_t>(operation, "window", "a whole number", window);
  check_that(wanted >= 1, operation, [&] {
    return "window is " + std::to_string(wanted) + ", expected 1 or more";
  });
  return std::min(wanted, std::max<int64_t>(most, 1));
}

}  // namespace pyattn::bindings
