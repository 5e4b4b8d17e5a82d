*** ENVELOPE RECORDS deferred/4/4A1 ***
message_size:              60             200               2              24              50               0
message_arrival_time: Sat Nov 21 19:54:32 2026
create_time: Sat Nov 21 19:54:32 2026
sender_fullname: Full Name
sender: 
pointer_record:  0
verp_delimiters: +=
warning_message_time: Sat Nov 21 20:13:19 2026
original_recipient: 
done_recipient: done@x
canceled_recipient: gone@x
killed_record: killed
recipient: a@x
pointer_record:             317
original_recipient: extra
recipient: extra@x
pointer_record:             221
*** MESSAGE CONTENTS deferred/4/4A1 ***
regular_text: From: x
padding:    
unterminated_text: a long line 
regular_text: in two pieces
regular_text: 
regular_text: text
*** HEADER EXTRACTED deferred/4/4A1 ***
return_receipt: rr@x
errors_to: ee@x
content_filter: filter:x
pointer_record:               0
*** MESSAGE FILE END deferred/4/4A1 ***
