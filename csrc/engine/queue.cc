#include "engine/queue.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"

namespace pyattn {
namespace {

// The batch is refilled when this share of its rows is free.
constexpr int64_t kRefillShare = 4;

// What a sentence needs to enter: memory for its source, and for as many tokens
// of each hypothesis, or as its target may have, as a first guess at its
// length.
int64_t needed_bytes(const SentenceRef& sentence, const Batch& batch) {
  const int64_t source = sentence.source_tokens();
  const int64_t most = sentence.sentence().options->max_tokens(source);
  return batch.source_bytes(sentence) +
         batch.target_bytes(std::min(source, most) * sentence.width());
}

// Slots for each row of the batch that stay free for the next steps.
constexpr int64_t kSpareSteps = 2;

// Fails the request of a sentence that does not fit even alone.
void fail_too_large(const SentenceRef& sentence, const Batch& batch) {
  sentence.request->fail(std::make_exception_ptr(ArgumentError(
      "generate: the budget for keys and values has room for " +
      std::to_string(batch.capacity()) +
      " tokens, which is too few for one of the sentences alone: shorten it, "
      "lower beam_size or max_new_tokens, or raise cache_bytes")));
}

}  // namespace

void Queue::Joining::add(const SentenceRef& sentence, const Batch& batch) {
  rows += sentence.width();
  source_tokens += sentence.source_tokens();
  needed_bytes += pyattn::needed_bytes(sentence, batch);
  sentences.push_back(sentence);
}

void Queue::add(std::shared_ptr<Request> request) {
  const std::vector<Sentence>& sentences = request->sentences();
  std::vector<size_t> order(sentences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return sentences[a].source.ids.size() < sentences[b].source.ids.size();
  });
  if (!order.empty()) {
    waiting_.push_back({std::move(request), std::move(order), false});
  }
}

bool Queue::should_admit(const Batch& batch) const {
  if (waiting_.empty() || batch.empty()) {
    return !waiting_.empty();
  }
  const SentenceRef next = waiting_.front().next();
  if (!fits(next, batch, {})) {
    return false;
  }
  if (std::any_of(waiting_.begin(), waiting_.end(),
                  [](const Waiting& one) { return !one.had_turn; })) {
    return true;
  }
  size_t count = 0;
  for (const Waiting& one : waiting_) {
    count += one.sentences.size();
  }
  const int64_t all = static_cast<int64_t>(count) * next.width();
  const int64_t refill =
      std::max<int64_t>(limits_.rows / kRefillShare, next.width());
  return limits_.rows - batch.rows() >= std::min(all, refill);
}

bool Queue::fits(const SentenceRef& sentence, const Batch& batch,
                 const Joining& joining) const {
  const int64_t rows = batch.rows() + joining.rows;
  return rows + sentence.width() <= limits_.rows &&
         needed_bytes(sentence, batch) + joining.needed_bytes +
                 batch.target_bytes(kSpareSteps * rows) <=
             batch.free_bytes();
}

void Queue::admit(Batch& batch) {
  Joining joining;
  while (!waiting_.empty()) {
    const SentenceRef next = waiting_.front().next();
    // Too large a sentence may still turn out to fit if it is alone.
    const bool alone = batch.empty() && joining.sentences.empty();
    const bool joins =
        fits(next, batch, joining) &&
        (joining.sentences.empty() ||
         joining.source_tokens + next.source_tokens() <= limits_.batch_tokens);
    if (!alone && !joins) {
      break;
    }
    joining.add(next, batch);
    end_turn();
  }
  const SentenceRef& first = joining.sentences.front();
  if (batch.source_bytes(first) + batch.target_bytes(1) > batch.free_bytes()) {
    fail_too_large(first, batch);  // it is alone
    return;
  }
  batch.join(joining.sentences);
}

// Takes the next sentence out; its request goes to the end of the queue.
void Queue::end_turn() {
  Waiting turn = std::move(waiting_.front());
  waiting_.pop_front();
  turn.sentences.pop_back();
  turn.had_turn = true;
  if (!turn.sentences.empty()) {
    waiting_.push_back(std::move(turn));
  }
}

void Queue::make_step_fit(Batch& batch) {
  while (batch.target_bytes(batch.step_tokens()) > batch.free_bytes()) {
    const SentenceRef youngest = batch.remove_youngest();
    if (batch.empty()) {
      fail_too_large(youngest, batch);
      return;
    }
    put_back(youngest);
  }
}

// Puts a sentence in front of those of its request, or of all others if its
// request has none left.
void Queue::put_back(const SentenceRef& sentence) {
  const auto same = std::find_if(
      waiting_.begin(), waiting_.end(),
      [&](const Waiting& one) { return one.request == sentence.request; });
  if (same != waiting_.end()) {
    same->sentences.push_back(sentence.index);
  } else {
    waiting_.push_front({sentence.request, {sentence.index}, true});
  }
}

void Queue::remove_ended(Clock::time_point now) {
  std::erase_if(waiting_, [&](Waiting& one) {
    std::erase_if(one.sentences, [&](size_t index) {
      const SentenceRef sentence = {one.request, index};
      if (!sentence.must_end(now)) {
        return false;
      }
      sentence.deliver_unfinished(*sentence.new_search(config_));
      return true;
    });
    return one.sentences.empty();
  });
}

}  // namespace pyattn
