#include "bindings/tensors.h"

#include <algorithm>
#include <map>
#include <set>

namespace pyattn::bindings {
namespace {

struct StorageType {
  Storage storage;
  py::dtype numpy;  // pyattn.stored.NUMPY_TYPES
};

StorageType storage_named(const char* name, const std::string& dtype) {
  if (dtype == "float32") {
    return {Storage::kFloat32, py::dtype::of<float>()};
  }
  if (dtype == "float16") {
    return {Storage::kFloat16, py::dtype("e")};
  }
  if (dtype == "bfloat16") {
    return {Storage::kBFloat16, py::dtype::of<uint16_t>()};
  }
  if (dtype == "int4") {
    return {Storage::kInt4, py::dtype::of<uint8_t>()};
  }
  check_that(dtype == "int8", "model", [&] {
    return std::string(name) + " is stored in " + dtype +
           ", expected float32, float16, bfloat16, int8 or int4";
  });
  return {Storage::kInt8, py::dtype::of<int8_t>()};
}

// The numbers in C order; they may lie at any address.
py::array dense(const char* name, const py::handle& object,
                const py::dtype& expected) {
  const py::array array = py::array::ensure(object);
  if (!array || !array.dtype().equal(expected)) {
    throw py::type_error("model: " + std::string(name) +
                         " has numbers of another type than it says");
  }
  return (array.flags() & py::array::c_style) != 0
             ? array
             : py::array(call_python(array.attr("copy"), py::make_tuple("C")));
}

}  // namespace

TensorSource Tensors::source() {
  return {
      [this](const std::string& name, const Shape& shape) {
        return floats(name, shape);
      },
      [this](const std::string& name, const Shape& rows, int64_t columns) {
        return parts(name, rows, columns);
      },
  };
}

const float* Tensors::floats(const std::string& name, const Shape& shape) {
  check_that(floats_.contains(name.c_str()), "model",
             [&] { return "no tensor " + name; });
  asked_.insert(name);
  return floats_of(name.c_str(), floats_[name.c_str()], shape);
}

std::vector<LinearPart> Tensors::parts(const std::string& name,
                                       const Shape& rows, int64_t columns) {
  check_that(matrices_.contains(name.c_str()), "model",
             [&] { return "no tensor " + name; });
  asked_.insert(name);
  const py::sequence given = matrices_[name.c_str()];
  check_that(given.size() == rows.size(), "model", [&] {
    return name + " has " + std::to_string(given.size()) +
           " matrices, expected " + std::to_string(rows.size());
  });
  std::vector<LinearPart> parts;
  for (size_t i = 0; i < rows.size(); ++i) {
    const py::tuple part = given[i];
    const py::object bias = part[1];
    parts.push_back(
        {.weight = matrix(name.c_str(), part[0], {rows[i], columns}),
         .bias = bias.is_none() ? nullptr
                                : floats_of(name.c_str(), bias, {rows[i]}),
         .out = rows[i]});
  }
  return parts;
}

StoredMatrix Tensors::matrix(const char* name, const py::handle& stored,
                             const Shape& shape) {
  const auto [storage, numpy] =
      storage_named(name, stored.attr("dtype").cast<std::string>());
  const py::array values = dense(name, stored.attr("values"), numpy);
  check_shape(
      "model", name, values,
      storage == Storage::kInt4 ? Shape{shape[0], (shape[1] + 1) / 2} : shape);
  kept_.push_back(values);
  StoredMatrix matrix = {.data = values.data(), .storage = storage};
  if (storage == Storage::kInt4) {
    const py::array groups =
        dense(name, stored.attr("group_scale"), py::dtype::of<int8_t>());
    check_shape("model", name, groups, {shape[0], groups_of(shape[1])});
    kept_.push_back(groups);
    matrix.group_scale = static_cast<const int8_t*>(groups.data());
  }
  if (storage == Storage::kInt8 || storage == Storage::kInt4) {
    matrix.scale = floats_of(name, stored.attr("scale"), {shape[0]});
  }
  const py::object let_go = stored.attr("let_go");
  matrix.was_read = [let_go](int64_t begin, int64_t end) {
    call_python(let_go, py::make_tuple(begin, end));
  };
  return matrix;
}

const float* Tensors::floats_of(const char* name, const py::handle& object,
                                const Shape& shape) {
  const py::array tensor = dense_floats("model", name, object);
  check_shape("model", name, tensor, shape);
  kept_.push_back(tensor);
  return data_of(tensor);
}

void Tensors::check_all_asked() const {
  for (const py::dict& given : {floats_, matrices_}) {
    for (const auto& [key, value] : given) {
      const auto name = key.cast<std::string>();
      check_that(asked_.count(name) != 0, "model",
                 [&] { return name + " belongs to no block of the model"; });
    }
  }
}

void Tensors::keep_only(const ModelWeights& weights) {
  check_all_asked();
  std::set<const void*> read;
  for (const EmbeddingWeights* embedding :
       {&weights.source_embedding, &weights.target_embedding}) {
    read.insert({embedding->tokens.data, embedding->tokens.scale,
                 embedding->tokens.group_scale, embedding->positions});
  }
  std::erase_if(kept_, [&read](const py::array& tensor) {
    return read.count(tensor.data()) == 0;
  });
  floats_ = py::dict();
  matrices_ = py::dict();
}

}  // namespace pyattn::bindings
