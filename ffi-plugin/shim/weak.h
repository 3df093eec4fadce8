/* weak.h
 * All functions of Wireshark that the shim calls, as weak symbols.
 *
 * A plugin built for another version may need symbols that this Wireshark does
 * not have. With weak symbols it is loaded all the same, and Wireshark then says
 * in a clear sentence which version the plugin is for.
 *
 * A call of another function of Wireshark needs a line here; the tests compare
 * this list with the symbols that the plugin imports.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TCPHS_WEAK_H
#define TCPHS_WEAK_H

#pragma weak call_dissector_only
#pragma weak col_clear_fence
#pragma weak col_get_text
#pragma weak col_get_writable
#pragma weak col_set_str
#pragma weak col_set_writable
#pragma weak create_dissector_handle
#pragma weak dissector_add_uint
#pragma weak dissector_get_uint_handle
#pragma weak epan_get_interface_description
#pragma weak epan_get_interface_name
#pragma weak expert_add_info
#pragma weak expert_add_info_format
#pragma weak expert_register_field_array
#pragma weak expert_register_protocol
#pragma weak find_dissector_table
#pragma weak find_protocol_by_id
#pragma weak find_tap_id
#pragma weak g_free
#pragma weak g_get_prgname
#pragma weak g_malloc0
#pragma weak g_malloc0_n
#pragma weak g_ptr_array_add
#pragma weak g_ptr_array_new
#pragma weak g_ptr_array_set_size
#pragma weak g_queue_push_tail
#pragma weak g_slist_prepend
#pragma weak g_slist_remove
#pragma weak g_strchug
#pragma weak g_strdup
#pragma weak g_strdup_printf
#pragma weak g_string_append_printf
#pragma weak g_string_free
#pragma weak g_string_new
#pragma weak g_strnfill
#pragma weak get_data_source_tvb
#pragma weak have_tap_listener
#pragma weak prefs_register_bool_preference
#pragma weak prefs_register_enum_preference
#pragma weak prefs_register_protocol
#pragma weak prefs_register_uint_preference
#pragma weak proto_field_is_referenced
#pragma weak proto_get_id_by_filter_name
#pragma weak proto_is_protocol_enabled
#pragma weak proto_item_add_subtree
#pragma weak proto_item_append_text
#pragma weak proto_register_field_array
#pragma weak proto_register_plugin
#pragma weak proto_register_protocol
#pragma weak proto_register_protocol_in_name_only
#pragma weak proto_register_subtree_array
#pragma weak proto_registrar_get_nth
#pragma weak proto_tree_add_boolean
#pragma weak proto_tree_add_int
#pragma weak proto_tree_add_ipv4
#pragma weak proto_tree_add_ipv6
#pragma weak proto_tree_add_item
#pragma weak proto_tree_add_protocol_format
#pragma weak proto_tree_add_string
#pragma weak proto_tree_add_time
#pragma weak proto_tree_add_uint
#pragma weak proto_tree_add_uint_format
#pragma weak register_cleanup_routine
#pragma weak register_conversation_filter
#pragma weak register_init_routine
#pragma weak register_postdissector
#pragma weak register_stat_tap_table_ui
#pragma weak register_tap
#pragma weak register_tap_listener
#pragma weak remove_tap_listener
#pragma weak stat_tap_add_table
#pragma weak stat_tap_init_table
#pragma weak stat_tap_init_table_row
#pragma weak stats_tree_manip_node_int
#pragma weak stats_tree_register_plugin
#pragma weak tap_queue_packet
#pragma weak tvb_captured_length
#pragma weak tvb_get_ntohl
#pragma weak tvb_get_ptr
#pragma weak tvb_reported_length
#pragma weak wmem_alloc
#pragma weak wmem_memdup
#pragma weak ws_log_fatal_full
#pragma weak ws_log_full

#endif /* TCPHS_WEAK_H */
