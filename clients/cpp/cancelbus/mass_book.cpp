#include "cancelbus/mass_book.hpp"

#include <utility>

#include "cancelbus/books.hpp"
#include "cancelbus/describe.hpp"

namespace cancelbus::client {
namespace {

/// As the options say. Empty, or what is wrong, with the field's name before it.
std::string make_mass_cancel(const MassCancelOptions& options, v1::MassCancel& into) {
  into.set_cl_ord_id(options.cl_ord_id);
  set_scope(options, into);
  into.set_priority(options.urgent ? v1::PRIORITY_URGENT : v1::PRIORITY_NORMAL);
  into.set_until_empty(options.until_empty);
  into.set_traceparent(options.traceparent);
  if (!complaint_about({{"cl_ord_id", options.cl_ord_id, 32}}).empty() ||
      options.cl_ord_id.find('/') != std::string::npos) {
    return "cl_ord_id is not at most 32 printable ASCII characters without /";
  }
  if (auto complaint = complaint_about_scope(options); !complaint.empty()) return complaint;
  return complaint_about({{"traceparent", options.traceparent, 55}});
}

}  // namespace

MassCancel MassBook::give(const MassCancelOptions& options, MassCancelCallbacks callbacks) {
  std::string complaint;
  const std::string id = send(options, false, complaint);
  if (complaint.empty()) return add(id, std::move(callbacks));
  // Under a name of its own: the one that is given may be another's.
  const std::string refused = cl_ord_ids_.next();
  MassCancel handle = add(refused, std::move(callbacks));
  refuse(refused, complaint);
  return handle;
}

void MassBook::preview(const MassCancelOptions& options, OnPreview callback) {
  MassCancelOptions own = options;
  own.cl_ord_id.clear();
  std::string complaint;
  const std::string id = send(own, true, complaint);
  previews_[id] = std::move(callback);
  if (!complaint.empty()) refuse(id, complaint);
}

std::string MassBook::send(const MassCancelOptions& options, bool dry_run, std::string& complaint) {
  v1::MassCancel request;
  complaint = make_mass_cancel(options, request);
  if (complaint.empty() && session_.is_leaving()) complaint = GoodbyeWasSaid;
  if (options.cl_ord_id.empty()) request.set_cl_ord_id(cl_ord_ids_.next());
  request.set_dry_run(dry_run);
  std::string id = request.cl_ord_id();
  if (complaint.empty() && !session_.mass_cancel(std::move(request), std::chrono::steady_clock::now())) {
    complaint = "cl_ord_id: " + id + " names an undecided command or an open mass cancel already";
  }
  return id;
}

MassCancel MassBook::add(const std::string& cl_ord_id, MassCancelCallbacks callbacks) {
  auto entry = std::make_shared<Entry>(
      Entry{std::make_shared<MassCancel::Known>(MassCancel::Known{.cl_ord_id = cl_ord_id}), std::move(callbacks)});
  MassCancel handle(entry->known);
  entries_.insert_or_assign(cl_ord_id, std::move(entry));
  return handle;
}

void MassBook::refuse(const std::string& cl_ord_id, const std::string& complaint) {
  const auto reason = complaint == GoodbyeWasSaid ? v1::CXL_REJ_REASON_OTHER : v1::CXL_REJ_REASON_MALFORMED;
  refused_.push_back(refused_receipt(cl_ord_id, reason, complaint));
}

void MassBook::settle() {
  for (const v1::Receipt& receipt : std::exchange(refused_, {})) refused(receipt);
}

void MassBook::tell(const Notice& notice) {
  std::visit([this](const auto& news) { on(news); }, notice);
}

std::shared_ptr<MassBook::Entry> MassBook::find(const std::string& cl_ord_id) const {
  const auto it = entries_.find(cl_ord_id);
  return it == entries_.end() ? nullptr : it->second;
}

void MassBook::end(Entry& entry, const MassCancelEnd& how) { tell_once(entry.known->end, how, entry.callbacks.on_end); }

void MassBook::refused(const v1::Receipt& receipt) {
  if (const auto preview = previews_.extract(receipt.cl_ord_id())) {
    if (preview.mapped()) preview.mapped()(Refused{receipt});
    return;
  }
  const auto entry = find(receipt.cl_ord_id());
  if (!entry) return;
  entries_.erase(receipt.cl_ord_id());
  tell_once(entry->known->received, Receiving(Refused{receipt}), entry->callbacks.on_received);
  end(*entry, Refused{receipt});
}

void MassBook::on(const v1::Receipt& receipt) {
  if (receipt.status() == v1::RECEIPT_STATUS_REFUSED) return refused(receipt);
  const auto entry = find(receipt.cl_ord_id());
  if (entry) tell_once(entry->known->received, Receiving(Received{receipt}), entry->callbacks.on_received);
}

void MassBook::on(const v1::MassCancelReport& report) {
  const auto entry = find(report.cl_ord_id());
  if (!entry) return;
  const auto status = report.status();
  const bool last = status == v1::MASS_CANCEL_STATUS_COMPLETED || status == v1::MASS_CANCEL_STATUS_REJECTED;
  if (last) entries_.erase(report.cl_ord_id());
  tell_once(entry->known->received, Receiving(Received{}), entry->callbacks.on_received);
  entry->known->report = report;
  const auto call = entry->callbacks.on_report;  // it may end its client, and everything in it
  if (call) call(report);
  if (last) end(*entry, report);
}

void MassBook::on(const v1::MassCancelPreview& preview) {
  const auto waiting = previews_.extract(preview.cl_ord_id());
  if (waiting && waiting.mapped()) waiting.mapped()(preview);
}

void MassBook::on(const MassCancelLost& lost) {
  const auto entry = find(lost.cl_ord_id);
  if (!entry) return;
  entries_.erase(lost.cl_ord_id);
  end(*entry, StoreLost{"the former store had the mass cancel"});
}

void MassBook::on(const MassCancelUnknown& unknown) {
  const bool earlier = unknown.reject.field() == "request";
  const std::string text = earlier ? "the bus is of an earlier version and knows no mass cancel"
                                   : unknown.reject.field() + ": " + unknown.reject.text();
  refused(refused_receipt(unknown.cl_ord_id, unknown.reject.reason(), text));
}

void MassBook::close() {
  for (const auto& [name, entry] : entries_) entry->callbacks = {};
  entries_.clear();
  previews_.clear();
  refused_.clear();
}

bool all_gone(const v1::MassCancelReport& report) {
  const uint32_t left = report.still_open() + report.in_doubt() + report.unsent() + report.not_affected_total();
  return report.status() == v1::MASS_CANCEL_STATUS_COMPLETED && left == 0;
}

std::string text(const v1::MassCancelReport& report) {
  std::string out = short_name(report.status(), "MASS_CANCEL_STATUS_") + ": " +
                    std::to_string(report.canceled() + report.filled()) + " of " +
                    std::to_string(report.total_affected()) + " orders gone";
  const std::pair<uint32_t, const char*> counts[] = {{report.filled(), " filled"},
                                                     {report.still_open(), " still open"},
                                                     {report.in_doubt(), " in doubt"},
                                                     {report.unsent(), " unsent"},
                                                     {report.not_affected_total(), " not affected"}};
  for (const auto& [count, what] : counts) {
    if (count > 0) out += ", " + std::to_string(count) + what;
  }
  return report.text().empty() ? out : out + "; " + printable(report.text());
}

std::string text(const MassCancelEnd& end) {
  if (const auto* report = std::get_if<v1::MassCancelReport>(&end)) return text(*report);
  if (const auto* refused = std::get_if<Refused>(&end)) return describe(refused->receipt);
  if (const auto* lost = std::get_if<StoreLost>(&end)) return "the bus has another store: " + lost->how;
  return "the client was destroyed first; what the bus has received goes on there";
}

}  // namespace cancelbus::client
