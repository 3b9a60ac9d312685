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
  check_that(dtype == "int8", "model", [&] {
    return std::string(name) + " is stored in " + dtype +
           ", expected float32, float16, bfloat16 or int8";
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
      [this](const std::string& name, const Shape& shape, bool optional) {
        return floats(name, shape, optional);
      },
      [this](const std::string& name, int64_t rows, int64_t columns) {
        return matrix(name, {rows, columns});
      },
  };
}

const float* Tensors::floats(const std::string& name, const Shape& shape,
                             bool optional) {
  if (!floats_.contains(name.c_str())) {
    check_that(optional, "model", [&] { return "no tensor " + name; });
    return nullptr;
  }
  const py::array tensor =
      dense_floats("model", name.c_str(), floats_[name.c_str()]);
  check_shape("model", name.c_str(), tensor, shape);
  kept_.push_back(tensor);
  return data_of(tensor);
}

StoredMatrix Tensors::matrix(const std::string& name, const Shape& shape) {
  check_that(matrices_.contains(name.c_str()), "model",
             [&] { return "no tensor " + name; });
  const py::object stored = matrices_[name.c_str()];
  const auto [storage, numpy] =
      storage_named(name.c_str(), stored.attr("dtype").cast<std::string>());
  const py::array values = dense(name.c_str(), stored.attr("values"), numpy);
  check_shape("model", name.c_str(), values, shape);
  kept_.push_back(values);
  StoredMatrix matrix = {.data = values.data(), .storage = storage};
  if (storage == Storage::kInt8) {
    const py::array scale =
        dense_floats("model", name.c_str(), stored.attr("scale"));
    check_shape("model", name.c_str(), scale, {shape[0]});
    kept_.push_back(scale);
    matrix.scale = data_of(scale);
  }
  const py::object let_go = stored.attr("let_go");
  matrix.was_read = [let_go](int64_t begin, int64_t end) {
    call_python(let_go, py::make_tuple(begin, end));
  };
  return matrix;
}

void Tensors::keep_only(const ModelWeights& weights) {
  std::set<const void*> read;
  for (const EmbeddingWeights* embedding :
       {&weights.source_embedding, &weights.target_embedding}) {
    read.insert({embedding->tokens.data, embedding->tokens.scale,
                 embedding->positions});
  }
  std::erase_if(kept_, [&read](const py::array& tensor) {
    return read.count(tensor.data()) == 0;
  });
  floats_ = py::dict();
  matrices_ = py::dict();
}

}  // namespace pyattn::bindings
