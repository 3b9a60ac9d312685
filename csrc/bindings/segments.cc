#include "bindings/segments.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace pyattn::bindings {
namespace {

py::array positions_of(const char* operation, const std::string& name,
                       py::handle object, int64_t count, int64_t time_k) {
  const py::array given = py::array::ensure(object);
  if (!given || (given.dtype().kind() != 'i' && given.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) + ": " + name +
                         " is not an array of integers");
  }
  check_shape(operation, name.c_str(), given, {count});
  const py::array_t<int64_t, py::array::c_style | py::array::forcecast> wide(
      given);
  const int64_t* const begin = wide.data();
  const int64_t* const end = begin + count;
  check_that(count == 0 || (begin[0] >= 0 && end[-1] < time_k &&
                            std::adjacent_find(begin, end,
                                               std::greater_equal<>()) == end),
             operation, [&] {
               return name + " is not ascending within 0 to " +
                      std::to_string(time_k - 1);
             });
  py::array_t<int32_t> positions(count);
  std::copy(begin, end, positions.mutable_data());
  return positions;
}

}  // namespace

HeadStrides strides_of(const py::array& array) {
  const auto stride = [&array](py::ssize_t axis) {
    // An axis of length 1 repeats, so that a mask for all batches or heads
    // needs no copy.
    return array.shape(axis) == 1 ? 0 : array.strides(axis) / array.itemsize();
  };
  return {stride(0), stride(1), stride(2)};
}

Segments::Segments(const char* operation, py::handle list,
                   const AttentionCall& call) {
  if (!py::isinstance<py::sequence>(list)) {
    throw py::type_error(std::string(operation) + ": segments is " +
                         Py_TYPE(list.ptr())->tp_name + ", expected a list");
  }
  const auto objects = py::reinterpret_borrow<py::sequence>(list);
  for (size_t i = 0; i < objects.size(); ++i) {
    add(operation, i, py::object(objects[i]), call);
  }
}

void Segments::add(const char* operation, size_t index, py::handle object,
                   const AttentionCall& call) {
  const std::string name = "segments[" + std::to_string(index) + "]";
  const auto of = [&](const char* field) {
    const std::string whole = name + "." + field;
    if (!py::hasattr(object, field)) {
      throw py::type_error(std::string(operation) + ": " + name + " is " +
                           Py_TYPE(object.ptr())->tp_name +
                           ", expected a KeySegment");
    }
    return std::pair(py::object(object.attr(field)), whole);
  };
  const auto array = [&](const char* field) {
    const auto [value, whole] = of(field);
    return floats(operation, whole.c_str(), value);
  };
  const py::array k = array("k");
  const py::array v = array("v");
  check_that(k.ndim() == 4, operation, [&] {
    return name + ".k has shape " + shape_text(shape_of(k)) +
           ", expected [batch, kv_heads, count, head_dim]";
  });
  const int64_t count = k.shape(2);
  const Shape shape = {call.batch, call.kv_heads, count, call.head_dim};
  check_shape(operation, (name + ".k").c_str(), k, shape);
  check_shape(operation, (name + ".v").c_str(), v, shape);
  BatchSegment segment = {};
  segment.k = data_of(k);
  segment.v = data_of(v);
  segment.k_strides = strides_of(k);
  segment.v_strides = strides_of(v);
  segment.count = count;
  const auto [constant, constant_name] = of("constant");
  segment.constant =
      argument<float>(operation, constant_name.c_str(), "a number", constant);
  check(!std::isnan(segment.constant), operation,
        (constant_name + " is NaN").c_str());
  const auto [block, block_name] = of("block");
  segment.block =
      argument<int64_t>(operation, block_name.c_str(), "a whole number", block);
  check_that(segment.block >= 1, operation, [&] {
    return block_name + " is " + std::to_string(segment.block) +
           ", expected 1 or more";
  });
  if (const auto [value, whole] = of("distances"); !value.is_none()) {
    const py::array distances = dense_floats(operation, whole.c_str(), value);
    check_shape(operation, whole.c_str(), distances,
                {call.heads, std::max<int64_t>(2 * count - 1, 0)});
    segment.distances = data_of(distances);
    arrays_.push_back(distances);
  }
  if (const auto [value, whole] = of("positions"); !value.is_none()) {
    const py::array positions =
        positions_of(operation, whole, value, count, call.time_k);
    segment.positions = static_cast<const int32_t*>(positions.data());
    arrays_.push_back(positions);
  }
  if (count == 0) {
    return;
  }
  arrays_.push_back(k);
  arrays_.push_back(v);
  calls_.push_back(segment);
  keys_ += count;
}

}  // namespace pyattn::bindings
