// proto/ against what was released, and the checker against changes made on purpose.
#include "tests/contract/schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

#include "cancelbus/v1/fix.pb.h"

namespace contract {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Schema, KeepsWhatWasReleased) {
  std::ifstream file(std::string(CONTRACT_FOLDER) + "/" + ReleasedFile, std::ios::binary);
  ASSERT_TRUE(file) << "tests/contract/" << ReleasedFile << " is missing: take it from the last commit";
  FileDescriptorSet released;
  ASSERT_TRUE(released.ParseFromIstream(&file)) << "tests/contract/" << ReleasedFile << " is not a descriptor set";
  const Difference difference = compare(released, current_schema());
  EXPECT_THAT(difference.breaks, IsEmpty()) << explain_breaks(difference.breaks);
  EXPECT_THAT(difference.additions, IsEmpty()) << explain_additions(difference.additions);
}

TEST(Schema, IsWellFormed) { EXPECT_THAT(faults(current_schema()), IsEmpty()); }

// ---- The checker ----

template <typename List>
auto& named(List* list, const std::string& name) {
  for (auto& item : *list) {
    if (item.name() == name) return item;
  }
  throw std::invalid_argument("the contract has no " + name);
}

/// The contract, to be changed.
class Changed : public testing::Test {
 protected:
  DescriptorProto& message(const std::string& name) {
    for (auto& file : *now_.mutable_file()) {
      for (auto& item : *file.mutable_message_type()) {
        if (item.name() == name) return item;
      }
    }
    throw std::invalid_argument("the contract has no " + name);
  }

  FieldDescriptorProto& field(const std::string& of, const std::string& name) {
    return named(message(of).mutable_field(), name);
  }

  EnumDescriptorProto& enumeration(const std::string& name) {
    return named(file("cancelbus/v1/cancel.proto").mutable_enum_type(), name);
  }

  google::protobuf::FileDescriptorProto& file(const std::string& name) { return named(now_.mutable_file(), name); }

  template <typename List>
  static void remove(List* list, const std::string& name) {
    for (auto item = list->begin(); item != list->end(); ++item) {
      if (item->name() == name) {
        list->erase(item);
        return;
      }
    }
    throw std::invalid_argument("the contract has no " + name);
  }

  std::vector<std::string> breaks() const { return compare(current_schema(), now_).breaks; }
  std::vector<std::string> additions() const { return compare(current_schema(), now_).additions; }

  FileDescriptorSet now_ = current_schema();
};

TEST_F(Changed, NotAtAll) {
  EXPECT_THAT(breaks(), IsEmpty());
  EXPECT_THAT(additions(), IsEmpty());
}

TEST_F(Changed, FieldNumber) {
  field("CancelAck", "text").set_number(60);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.text: number was 6, is 60"));
}

TEST_F(Changed, FieldNumbersSwapped) {
  field("CancelAck", "http_status").set_number(8);
  field("CancelAck", "exchange_code").set_number(7);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.http_status: number was 7, is 8",
                                    "cancelbus.v1.CancelAck.exchange_code: number was 8, is 7"));
}

TEST_F(Changed, FieldName) {
  field("CancelAck", "text").set_name("note");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.text: name was text, is note"));
  EXPECT_THAT(additions(), IsEmpty());
}

TEST_F(Changed, FieldType) {
  field("CancelAck", "http_status").set_type(FieldDescriptorProto::TYPE_SINT32);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.http_status: type was TYPE_INT32, is TYPE_SINT32"));
}

TEST_F(Changed, FieldOfAnotherMessage) {
  field("CancelAck", "timeline").set_type_name(".cancelbus.v1.CancelStatus");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.timeline: type was .cancelbus.v1.Timeline, is "
                                    ".cancelbus.v1.CancelStatus"));
}

TEST_F(Changed, FieldLabel) {
  field("CancelAck", "text").set_label(FieldDescriptorProto::LABEL_REPEATED);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.text: label was LABEL_OPTIONAL, is LABEL_REPEATED"));
}

TEST_F(Changed, FieldMovedOutOfItsOneof) {
  field("Event", "cancel_ack").clear_oneof_index();
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.Event.cancel_ack: oneof was event, is none"));
}

TEST_F(Changed, FieldMovedIntoAOneof) {
  field("Event", "poss_dup").set_oneof_index(0);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.Event.poss_dup: oneof was none, is event"));
}

TEST_F(Changed, FieldRemoved) {
  remove(message("CancelAck").mutable_field(), "text");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.text: was removed"));
}

TEST_F(Changed, FieldOfANestedMessageRemoved) {
  remove(named(message("BusStatus").mutable_nested_type(), "Window").mutable_field(), "used");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.BusStatus.Window.used: was removed"));
}

TEST_F(Changed, MessageRemoved) {
  remove(file("cancelbus/v1/session.proto").mutable_message_type(), "StatusRequest");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.StatusRequest: was removed"));
}

TEST_F(Changed, EnumValueRemoved) {
  remove(enumeration("CancelStage").mutable_value(), "CANCEL_STAGE_STUCK");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelStage.CANCEL_STAGE_STUCK: was removed"));
}

TEST_F(Changed, EnumValueNumber) {
  named(enumeration("CancelStage").mutable_value(), "CANCEL_STAGE_STUCK").set_number(60);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelStage.CANCEL_STAGE_STUCK: number was 6, is 60"));
}

TEST_F(Changed, EnumValueName) {
  named(enumeration("CancelStage").mutable_value(), "CANCEL_STAGE_STUCK").set_name("CANCEL_STAGE_MADE_UP");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelStage.CANCEL_STAGE_STUCK: name was CANCEL_STAGE_STUCK, is "
                                    "CANCEL_STAGE_MADE_UP"));
}

TEST_F(Changed, JsonName) {
  field("CancelAck", "http_status").set_json_name("status");
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.http_status: JSON name was httpStatus, is status"));
}

TEST_F(Changed, FixTag) {
  field("CancelAck", "text").mutable_options()->SetExtension(cancelbus::v1::tag, 59);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.CancelAck.text: FIX tag was 58, is 59"));
}

TEST_F(Changed, NumberOfAnOption) {
  named(file("cancelbus/v1/fix.proto").mutable_extension(), "tag").set_number(50002);
  EXPECT_THAT(breaks(), ElementsAre("cancelbus.v1.tag: number was 50001, is 50002"));
}

TEST_F(Changed, ByAnAddition) {
  FieldDescriptorProto& note = *message("CancelAck").add_field();
  note.set_name("note");
  note.set_number(1000);
  note.set_type(FieldDescriptorProto::TYPE_STRING);
  note.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  auto& value = *enumeration("CancelStage").add_value();
  value.set_name("CANCEL_STAGE_MADE_UP");
  value.set_number(1000);
  file("cancelbus/v1/session.proto").add_message_type()->set_name("Farewell");
  field("CancelAck", "origin").mutable_options()->SetExtension(cancelbus::v1::tag, 5);
  EXPECT_THAT(breaks(), IsEmpty());
  EXPECT_THAT(additions(),
              testing::UnorderedElementsAre("cancelbus.v1.CancelAck.note: is new", "cancelbus.v1.Farewell: is new",
                                            "cancelbus.v1.CancelStage.CANCEL_STAGE_MADE_UP: is new",
                                            "cancelbus.v1.CancelAck.origin: FIX tag was none, is 5"));
}

TEST_F(Changed, InOrderOnly) {
  auto& fields = *message("CancelAck").mutable_field();
  fields.SwapElements(0, 5);
  EXPECT_THAT(breaks(), IsEmpty());
  EXPECT_THAT(additions(), IsEmpty());
}

TEST(Explanation, SaysWhatToDo) {
  EXPECT_THAT(explain_breaks({"a.b: was removed"}),
              testing::AllOf(testing::HasSubstr("  - a.b: was removed\n"), testing::HasSubstr("Put it back"),
                             testing::HasSubstr("cancelbus.v2")));
  EXPECT_THAT(explain_additions({"a.b: is new"}),
              testing::AllOf(testing::HasSubstr("  - a.b: is new\n"), testing::HasSubstr("tests/contract/release")));
}

// ---- Names and FIX options ----

TEST_F(Changed, TagZero) {
  field("CancelAck", "text").mutable_options()->SetExtension(cancelbus::v1::tag, 0);
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.CancelAck.text: FIX tag is 0"));
}

TEST_F(Changed, TagTwiceInAMessage) {
  field("CancelFinal", "price").mutable_options()->SetExtension(cancelbus::v1::tag, 38);
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.CancelFinal.order_qty: FIX tag 38 stands twice in "
                                        "cancelbus.v1.CancelFinal"));
}

TEST_F(Changed, TagWithTwoTypes) {
  field("CancelStatus", "order_id").set_type(FieldDescriptorProto::TYPE_UINT64);
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.CancelStatus.order_id: FIX tag 37 has type TYPE_UINT64 here and "
                                        "TYPE_INT64 elsewhere"));
}

TEST_F(Changed, MsgTypeTwice) {
  message("CancelFinal").mutable_options()->SetExtension(cancelbus::v1::msg_type_value, "9");
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.CancelFinal: FIX MsgType 9 is cancelbus.v1.CancelAck's"));
}

TEST_F(Changed, MsgTypeEmpty) {
  message("CancelFinal").mutable_options()->SetExtension(cancelbus::v1::msg_type_value, "");
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.CancelFinal: FIX MsgType \"\" is not 1 to 3 letters or digits"));
}

TEST_F(Changed, EnumValueOfFixTwice) {
  named(enumeration("OrdStatus").mutable_value(), "ORD_STATUS_FILLED")
      .mutable_options()
      ->SetExtension(cancelbus::v1::enum_value, "1");
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.OrdStatus.ORD_STATUS_FILLED: FIX value 1 is "
                                        "cancelbus.v1.OrdStatus.ORD_STATUS_PARTIALLY_FILLED's"));
}

TEST_F(Changed, EnumValueWithoutTheEnumsName) {
  named(enumeration("Origin").mutable_value(), "ORIGIN_BUS").set_name("BUS");
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.Origin.BUS: does not begin with ORIGIN_"));
}

TEST_F(Changed, EnumWithoutUnspecified) {
  named(enumeration("Origin").mutable_value(), "ORIGIN_UNSPECIFIED").set_name("ORIGIN_NONE");
  EXPECT_THAT(faults(now_), ElementsAre("cancelbus.v1.Origin.ORIGIN_NONE: is 0, which is for ORIGIN_UNSPECIFIED"));
}

}  // namespace
}  // namespace contract
