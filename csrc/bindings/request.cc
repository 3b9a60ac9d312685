// engine/request.h for Python.
#include "bindings/request.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "bindings/bindings.h"

namespace pyattn::bindings {
namespace {

const char* reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEnd:
      return "eos";
    case FinishReason::kLength:
      return "length";
    default:
      return "timeout";
  }
}

}  // namespace

BoundRequest::~BoundRequest() {
  if (!request_->complete()) {
    engine_->cancel(*request_);
  }
}

void BoundRequest::check_index(size_t sentence) const {
  if (sentence >= size()) {
    throw py::index_error("sentence " + std::to_string(sentence) + " of " +
                          std::to_string(size()));
  }
}

bool BoundRequest::ready(size_t sentence) {
  check_index(sentence);
  return request_->ready(sentence);
}

bool BoundRequest::wait(const std::optional<double>& seconds) {
  const Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(seconds.value_or(0)));
  bool in_time = true;
  try {
    run_without_gil([&](const KeepWaiting& keep_waiting) {
      request_->wait([&] {
        in_time = !seconds || Clock::now() < end;
        return in_time && keep_waiting();
      });
    });
  } catch (const Cancelled&) {
    return false;  // by the clock: a signal's exception is thrown as it is
  } catch (...) {
    engine_->cancel(*request_);
    throw;
  }
  return true;
}

py::object BoundRequest::alignment_of(size_t sentence, const Found& one) const {
  const Sentence& of = request_->sentences()[sentence];
  if (!of.options->alignment) {
    return py::none();
  }
  py::array_t<float> alignment =
      new_floats({static_cast<int64_t>(one.token_scores.size()),
                  static_cast<int64_t>(of.source.ids.size())});
  std::copy(one.alignment.begin(), one.alignment.end(),
            alignment.mutable_data());
  return alignment;
}

void BoundRequest::wait_for(size_t sentence) {
  check_index(sentence);
  run_without_gil([&](const KeepWaiting& keep_waiting) {
    request_->wait(sentence, keep_waiting);
  });
}

py::list BoundRequest::take(size_t sentence) {
  check_index(sentence);
  const bool scored = request_->sentences()[sentence].options->returns_scores();
  py::list hypotheses;
  for (const Found& one : request_->take(sentence)) {
    const size_t count = scored ? one.token_scores.size() : 0;
    hypotheses.append(
        py::make_tuple(one.tokens, scored ? py::cast(one.score) : py::none(),
                       py::array_t<float>(static_cast<py::ssize_t>(count),
                                          one.token_scores.data()),
                       reason_name(one.reason), alignment_of(sentence, one)));
  }
  return hypotheses;
}

py::object BoundRequest::next_token() {
  std::optional<DecidedToken> token;
  run_without_gil([&](const KeepWaiting& keep_waiting) {
    token = request_->next_token(keep_waiting);
  });
  if (!token) {
    return py::none();
  }
  const SearchOptions& options =
      *request_->sentences()[token->sentence].options;
  return py::make_tuple(
      token->sentence, token->step, token->token,
      options.returns_scores() ? py::cast(token->score) : py::none(),
      token->last);
}

void BoundRequest::cancel(const std::optional<size_t>& sentence) {
  if (sentence) {
    check_index(*sentence);
    request_->cancel(*sentence);
  } else {
    engine_->cancel(*request_);
  }
}

void bind_request(py::module_& module) {
  py::class_<Announcements, std::shared_ptr<Announcements>>(module,
                                                            "Announcements")
      .def(py::init<>())
      .def("next", [](Announcements& announcements) {
        const WithoutGil released;
        return announcements.next();
      });
  py::class_<BoundRequest>(module, "Request")
      .def_property_readonly("done", &BoundRequest::done)
      .def("__len__", &BoundRequest::size)
      .def("ready", &BoundRequest::ready, py::arg("sentence"))
      .def("wait", &BoundRequest::wait, py::arg("seconds"))
      .def("wait_for", &BoundRequest::wait_for, py::arg("sentence"))
      .def("take", &BoundRequest::take, py::arg("sentence"))
      .def("next_token", &BoundRequest::next_token)
      .def("cancel", &BoundRequest::cancel, py::arg("sentence"))
      .def("announce", &BoundRequest::announce, py::arg("announcements"),
           py::arg("name"));
}

}  // namespace pyattn::bindings
