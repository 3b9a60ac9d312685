#include "engine/batch.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/threads.h"

namespace pyattn {
namespace {

using Clock = std::chrono::steady_clock;

// The error of a sentence that would not fit even if it were alone.
std::exception_ptr too_large(const TokenPool& pool) {
  return std::make_exception_ptr(ArgumentError(
      "generate: the budget for keys and values has room for " +
      std::to_string(pool.most()) +
      " tokens, which is too few for one of the sentences alone: shorten it, "
      "lower beam_size or max_new_tokens, or raise cache_bytes"));
}

}  // namespace

Batch::Batch(const ModelWeights& weights, const Limits& limits)
    : weights_(weights),
      limits_(limits),
      pool_(token_bytes(weights), limits.cache_bytes) {}

void Batch::add(std::shared_ptr<Request> request) {
  const std::vector<Sentence>& sentences = request->sentences();
  std::vector<size_t> order(sentences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return sentences[a].source.size() < sentences[b].source.size();
  });
  if (!order.empty()) {
    waiting_.push_back({std::move(request), std::move(order), false});
  }
}

std::unique_ptr<Search> Batch::start(const Place& place) const {
  return make_search({place.sentence().options, weights_.config.start,
                      weights_.config.end, place.sentence().source});
}

void Batch::drop() {
  const Clock::time_point now = Clock::now();
  const auto over = [&](const Place& place, Search* search) {
    if (place.request->cancelled()) {
      return true;
    }
    if (!place.request->cancelled(place.index) &&
        now < place.request->deadline(place.index)) {
      return false;
    }
    const std::unique_ptr<Search> fresh = search ? nullptr : start(place);
    search = search ? search : fresh.get();
    search->stop();
    place.request->deliver(place.index, search->results());
    return true;
  };
  std::erase_if(live_, [&](const Live& live) {
    return over(live.place, live.search.get());
  });
  std::erase_if(waiting_, [&](Waiting& waiting) {
    std::erase_if(waiting.sentences, [&](size_t index) {
      return over({waiting.request, index}, nullptr);
    });
    return waiting.sentences.empty();
  });
}

int64_t Batch::live_rows() const {
  return std::accumulate(
      live_.begin(), live_.end(), int64_t{0},
      [](int64_t rows, const Live& live) { return rows + live.place.width(); });
}

// Encoding a few tokens costs as much as reading all weights does, so places
// are filled a quarter of the batch at a time; but a request that has not had
// a turn yet is not kept waiting.
bool Batch::worth_admitting() const {
  if (waiting_.empty() || live_.empty()) {
    return !waiting_.empty();
  }
  const Waiting& next = waiting_.front();
  const Place place = {next.request, next.sentences.back()};
  if (!fits(place, 0, 0)) {
    return false;
  }
  const bool starved = std::any_of(waiting_.begin(), waiting_.end(),
                                   [](const Waiting& w) { return !w.served; });
  size_t waiting = 0;
  for (const Waiting& one : waiting_) {
    waiting += one.sentences.size();
  }
  const int64_t wanted =
      std::min<int64_t>(static_cast<int64_t>(waiting) * place.width(),
                        std::max<int64_t>(limits_.rows / 4, place.width()));
  return starved || limits_.rows - live_rows() >= wanted;
}

// Whether a sentence may join the live ones, behind others with so many rows
// and tokens. What they all will need is not known; where it turns out to be
// more, the youngest wait again.
bool Batch::fits(const Place& place, int64_t more_rows,
                 int64_t more_tokens) const {
  const int64_t rows = live_rows() + more_rows;
  const int64_t tokens = place.tokens() * (1 + place.width());
  return rows + place.width() <= limits_.rows &&
         tokens + more_tokens + 2 * rows <= pool_.room();
}

void Batch::admit() {
  std::vector<Place> places;
  int64_t rows = 0;
  int64_t source_tokens = 0;
  int64_t tokens = 0;
  while (!waiting_.empty()) {
    Waiting& turn = waiting_.front();
    Place place = {turn.request, turn.sentences.back()};
    const bool alone = live_.empty() && places.empty();
    const bool joins = fits(place, rows, tokens) &&
                       (places.empty() ||
                        source_tokens + place.tokens() <= limits_.batch_tokens);
    if (!alone && !joins) {
      break;
    }
    rows += place.width();
    source_tokens += place.tokens();
    tokens += place.tokens() * (1 + place.width());
    turn.sentences.pop_back();
    turn.served = true;
    places.push_back(std::move(place));
    Waiting served = std::move(turn);
    waiting_.pop_front();
    if (!served.sentences.empty()) {
      waiting_.push_back(std::move(served));
    }
  }
  begin(places);
}

std::shared_ptr<const Selection> Batch::selection_of(const Place& place) const {
  const std::shared_ptr<const Sequence>& ids = place.sentence().shortlist;
  if (ids == nullptr) {
    return nullptr;
  }
  const auto same = std::find_if(
      live_.begin(), live_.end(),
      [&](const Live& live) { return live.place.sentence().shortlist == ids; });
  return same != live_.end()
             ? same->selection
             : std::make_shared<const Selection>(weights_.output, *ids);
}

void Batch::begin(const std::vector<Place>& places) {
  Ragged ragged;
  for (const Place& place : places) {
    if (place.tokens() >= pool_.room()) {
      place.request->fail(too_large(pool_));
      return;  // it is alone
    }
    ragged.add(place.sentence().source);
  }
  const Buffer<float> encoded = encode(weights_, ragged);
  std::vector<void*> slots;
  for (const Place& place : places) {
    live_.push_back({place, start(place), selection_of(place),
                     Slots(pool_, static_cast<size_t>(place.tokens())),
                     Pasts(pool_), false});
    const std::vector<void*>& own = live_.back().source.all();
    slots.insert(slots.end(), own.begin(), own.end());
  }
  keep_sources(weights_, encoded.data(), slots);
}

// Puts a sentence in front of all that wait, to be started again.
void Batch::wait_again(const Place& place) {
  const auto same = std::find_if(
      waiting_.begin(), waiting_.end(),
      [&](const Waiting& w) { return w.request == place.request; });
  if (same != waiting_.end()) {
    same->sentences.push_back(place.index);
  } else {
    waiting_.push_front({place.request, {place.index}, true});
  }
}

int64_t Batch::rows_wanted() const {
  size_t rows = 0;
  for (const Live& live : live_) {
    rows += live.search->rows().size();
    rows += live.started ? 0 : live.search->prefix().size();
  }
  return static_cast<int64_t>(rows);
}

// Makes room for the step's tokens. What the youngest sentences have so far is
// given up for it; they come to the same when they are started again.
bool Batch::make_room() {
  while (rows_wanted() > pool_.room()) {
    const Place youngest = live_.back().place;
    live_.pop_back();
    if (live_.empty()) {
      youngest.request->fail(too_large(pool_));
      return false;
    }
    wait_again(youngest);
  }
  pool_.reserve(rows_wanted());
  return !live_.empty();
}

void Batch::step() {
  while (worth_admitting()) {
    admit();
    drop();
  }
  if (!make_room()) {
    return;
  }
  rows_.clear();
  groups_.clear();
  fed_.clear();
  for (Live& live : live_) {
    prepare_rows(live);
  }
  answer();
  std::erase_if(live_, [&](Live& live) { return !advance(live); });
}

void Batch::prepare_rows(Live& live) {
  const Search& search = *live.search;
  const size_t prefix = live.started ? 0 : search.prefix().size();
  live.started = true;
  for (size_t t = 0; t < prefix; ++t) {
    const int32_t first_row = 0;
    live.pasts.extend({&first_row, 1});
  }
  const AlignmentHeads& heads = live.place.sentence().options->alignment_heads;
  std::vector<int32_t> parents;
  for (const NextRow& row : search.rows()) {
    parents.push_back(row.parent);
  }
  live.pasts.extend(parents);
  const std::vector<void*>& source = live.source.all();
  const StepMemory memory = {source.data(), static_cast<int64_t>(source.size()),
                             nullptr};
  const auto add = [&](int32_t token, const std::vector<void*>& past,
                       size_t time) {
    rows_.push_back({token,
                     static_cast<int32_t>(time) - 1,
                     past[time - 1],
                     {past.data(), static_cast<int64_t>(time), nullptr},
                     memory,
                     heads.empty() ? nullptr : &heads});
  };
  const int64_t first = static_cast<int64_t>(rows_.size());
  if (prefix > 0) {
    fed_.push_back(
        {live.search.get(), first, first + static_cast<int64_t>(prefix)});
  }
  for (size_t t = 0; t < prefix; ++t) {
    add(search.prefix()[t], live.pasts.of(0), t + 1);
  }
  Group& group = group_of(live);
  for (size_t r = 0; r < parents.size(); ++r) {
    const std::vector<void*>& past = live.pasts.of(static_cast<int64_t>(r));
    group.asked.push_back(static_cast<int64_t>(rows_.size()));
    add(search.rows()[r].token, past, past.size());
  }
  search.ask(group.questions);
}

Batch::Group& Batch::group_of(Live& live) {
  const Selection* const selection = live.selection.get();
  const auto same = std::find_if(
      groups_.begin(), groups_.end(),
      [&](const Group& group) { return group.selection == selection; });
  live.group = static_cast<size_t>(same - groups_.begin());
  if (same == groups_.end()) {
    groups_.push_back({selection, {}, {}, {}});
  }
  Group& group = groups_[live.group];
  live.first = static_cast<int64_t>(group.asked.size());
  return group;
}

// Moves the states that there are questions about together, by groups.
void Batch::gather_states() {
  std::vector<int64_t> asked;
  for (const Group& group : groups_) {
    asked.insert(asked.end(), group.asked.begin(), group.asked.end());
  }
  std::vector<int64_t> all(rows_.size());
  std::iota(all.begin(), all.end(), int64_t{0});
  if (asked == all) {
    return;
  }
  const int64_t dim = weights_.config.dim;
  Buffer<float> states(static_cast<int64_t>(asked.size()) * dim);
  for (size_t i = 0; i < asked.size(); ++i) {
    std::copy_n(decoded_.states.data() + asked[i] * dim, dim,
                states.data() + i * dim);
  }
  decoded_.states = std::move(states);
}

void Batch::answer() {
  decoded_ = decode(weights_, rows_);
  gather_states();
  const int64_t dim = weights_.config.dim;
  std::vector<const float*> states;
  const float* next = decoded_.states.data();
  for (const Group& group : groups_) {
    states.push_back(next);
    next += static_cast<int64_t>(group.asked.size()) * dim;
  }
  const auto ask = [&](size_t i) {
    Group& group = groups_[i];
    group.answers = best_tokens(weights_.vocabulary(group.selection),
                                {states[i], dim}, group.questions);
    for (const int64_t row : group.asked) {
      group.answers.alignments.push_back(decoded_.alignments.of(row));
    }
  };
  // All columns are shared by threads; shortlists are too short for that, but
  // threads may take one each.
  std::vector<size_t> shortlists;
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].selection == nullptr) {
      ask(i);
    } else {
      shortlists.push_back(i);
    }
  }
  parallel_for(static_cast<int64_t>(shortlists.size()), 1,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   ask(shortlists[i]);
                 }
               });
  for (const FedPrefix& one : fed_) {
    one.search->look_back(decoded_.alignments.of(one.begin, one.end));
  }
}

bool Batch::advance(Live& live) {
  Request& request = *live.place.request;
  const size_t index = live.place.index;
  try {
    live.search->advance(groups_[live.group].answers, live.first);
    const bool over = live.search->rows().empty();
    request.report(index, live.search->decided(), over);
    if (over) {
      request.deliver(index, live.search->results());
    }
    return !over;
  } catch (...) {
    request.fail(std::current_exception());
    return false;
  }
}

void Batch::fail(const std::exception_ptr& error) {
  for (const Live& live : live_) {
    live.place.request->fail(error);
  }
  for (const Waiting& waiting : waiting_) {
    waiting.request->fail(error);
  }
  live_.clear();
  waiting_.clear();
}

}  // namespace pyattn
