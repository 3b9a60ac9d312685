#pragma once

#include <memory>
#include <optional>

#include "bindings/arrays.h"
#include "engine/engine.h"

namespace pyattn::bindings {

/// A request as Python holds it; whoever lets go of it does not want the rest.
class BoundRequest {
 public:
  BoundRequest(std::shared_ptr<Engine> engine, std::shared_ptr<Request> request)
      : engine_(std::move(engine)), request_(std::move(request)) {}
  ~BoundRequest();

  int64_t done() const { return request_->done(); }
  size_t size() const { return request_->sentences().size(); }

  /// Whether nobody would have to wait for a sentence.
  bool ready(size_t sentence);

  /// Waits for all sentences, for so many seconds at most if a number is given:
  /// whether all are done. An exception cancels the request.
  bool wait(const std::optional<double>& seconds);

  /// Waits for a sentence.
  void wait_for(size_t sentence);

  /// Of a sentence that is done: (tokens, score, token_scores, reason,
  /// alignment) of each target that was found. Call once for each sentence.
  py::list take(size_t sentence);

  /// Waits for a token: (sentence, step, token, score, last), or None.
  py::object next_token();

  void cancel(const std::optional<size_t>& sentence);

  /// Has `announcements` hear of `name` once nothing is to be waited for.
  void announce(std::shared_ptr<Announcements> announcements, int64_t name) {
    request_->announce(std::move(announcements), name);
  }

 private:
  void check_index(size_t sentence) const;
  /// [token_scores, source]; None if it was not asked for.
  py::object alignment_of(size_t sentence, const Found& one) const;

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Request> request_;
};

}  // namespace pyattn::bindings
